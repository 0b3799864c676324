"""Where results go, behind one small protocol."""
