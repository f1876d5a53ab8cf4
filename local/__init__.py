"""The embedded stack: MiniStack, the X simulator and the demo store, all on 127.0.0.1."""
