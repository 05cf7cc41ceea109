"""The studio: a Gradio app on top of the service.

A page is a registered part of kind ``page`` whose factory is called with the ``Studio`` and the ``gr.Blocks``
while its Gradio page is being built; it adds its components and events and returns nothing.
"""
