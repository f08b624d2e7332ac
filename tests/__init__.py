"""The tests mirror the packages of `weaverlab`; read them as its second textbook."""
