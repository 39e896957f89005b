"""What COPY and ADD take from the build context."""
