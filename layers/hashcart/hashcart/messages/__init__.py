"""What the queues carry. Every message names its schema version; readers ignore fields that they do not know.

One module a queue, so that a function loads no more than it handles.
"""
