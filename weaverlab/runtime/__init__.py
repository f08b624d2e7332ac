"""The weavelet and what it needs to make and serve calls. How weavelets become processes is in `deployers`."""
