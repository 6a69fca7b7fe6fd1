"""Tests of the components and pipelines of diffusers."""
