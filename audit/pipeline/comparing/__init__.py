"""What two images, SBOMs or audits each say, and how that differs."""
