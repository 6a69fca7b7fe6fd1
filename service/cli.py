"""paramcount: the same core without HTTP."""
