"""The theme of the page: colours, fonts, style sheets, and what goes into its head."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
# System fonts stand in for Hangul, which the bundled ones lack.
HANGUL = ["Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", "Noto Sans CJK KR"]

ACCENT = gr.themes.Color(
    name="grease pencil",
    c50="#fdf2ee",
    c100="#fbe0d8",
    c200="#f7c3b4",
    c300="#f29d85",
    c400="#ff7d5c",
    c500="#e04f2f",
    c600="#bf3a1d",
    c700="#9f2f17",
    c800="#7f2612",
    c900="#5f1d0e",
    c950="#34100a",
)

# Gradio's CSS variables: paper, ink, and one accent.
CSS_VARIABLES = {
    "body_background_fill": "#f5f5f3",
    "body_background_fill_dark": "#121211",
    "body_text_color": "#1b1b19",
    "body_text_color_dark": "#ecece8",
    "background_fill_primary": "#f5f5f3",
    "background_fill_primary_dark": "#121211",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_shadow": "none",
    "block_shadow_dark": "none",
    "block_padding": "0px",
    "block_info_text_color": "#5e5e58",
    "block_info_text_color_dark": "#a3a39b",
    "block_label_text_color": "#5e5e58",
    "block_label_text_color_dark": "#a3a39b",
    "block_title_text_color": "#5e5e58",
    "block_title_text_color_dark": "#a3a39b",
    "block_title_text_size": "13px",
    "block_title_text_weight": "400",
    "block_title_background_fill": "transparent",
    "block_title_background_fill_dark": "transparent",
    "block_title_padding": "0px",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#1d1d1b",
    "input_border_color": "#d5d5cf",
    "input_border_color_dark": "#3a3a36",
    "input_border_color_focus": "#bf3a1d",
    "input_border_color_focus_dark": "#ff7d5c",
    "input_shadow": "none",
    "input_shadow_dark": "none",
    "input_shadow_focus": "none",
    "input_shadow_focus_dark": "none",
    "slider_color": "#bf3a1d",
    "slider_color_dark": "#ff7d5c",
    "button_primary_background_fill": "#bf3a1d",
    "button_primary_background_fill_dark": "#ff7d5c",
    "button_primary_background_fill_hover": "#9f2f17",
    "button_primary_background_fill_hover_dark": "#ff9479",
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_dark": "#1b0c07",
    "button_primary_border_color": "transparent",
    "button_primary_border_color_dark": "transparent",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_dark": "#1d1d1b",
    "button_secondary_background_fill_hover": "#ececE8",
    "button_secondary_background_fill_hover_dark": "#282825",
    "button_secondary_text_color": "#1b1b19",
    "button_secondary_text_color_dark": "#ecece8",
    "button_secondary_border_color": "#d5d5cf",
    "button_secondary_border_color_dark": "#3a3a36",
    "button_primary_shadow": "none",
    "button_secondary_shadow": "none",
}


LANGUAGE_SCRIPT = """
const chosen = /(?:^|; )neuroceleb_language=(en|ko)/.exec(document.cookie)?.[1];
if (chosen) {
  Object.defineProperty(navigator, "language", { get: () => chosen });
  Object.defineProperty(navigator, "languages", { get: () => [chosen] });
}
document.documentElement.lang = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";
"""


def theme() -> gr.themes.Base:
    """Gradio's controls in our colours: paper, ink, and one accent."""
    return gr.themes.Base(
        primary_hue=ACCENT,
        secondary_hue=ACCENT,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_sm,
        font=[gr.themes.LocalFont("IBM Plex Sans"), *HANGUL, "system-ui", "sans-serif"],
        font_mono=[gr.themes.LocalFont("IBM Plex Mono"), "ui-monospace", "monospace"],
    ).set(**CSS_VARIABLES)
