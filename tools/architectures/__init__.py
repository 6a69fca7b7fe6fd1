"""The tables of architectures: what timm and torchvision build of their names, learned from a few builds of each."""
