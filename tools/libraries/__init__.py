"""The libraries beside transformers and timm, held against what is counted of their configs.

They need the packages of requirements.txt, which is an environment of its own.
"""
