"""Supply of packages: pins with hashes, a bill of materials, known vulnerabilities."""
