"""Components of our own: subclasses of `gr.HTML` for what Gradio has nothing for.

Each has a `.py` with its value, props and events, a `.js` and, where needed, a `.css`.
"""
