"""The window: it talks to the runtime and holds no truth of its own."""
