"""The page: Gradio, and only here. One file a tab, plus theme, texts and server."""
