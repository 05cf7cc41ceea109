"""The studio: a Gradio app on top of the service."""
