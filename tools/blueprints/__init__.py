"""The compiler of blueprints: it runs transformers' classes on symbolic configs, learns, and verifies the result."""
