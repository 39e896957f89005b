"""What Debian writes of a package: control fields, versions, relations, architectures."""
