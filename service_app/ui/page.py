"""The page's Gradio blocks. Gradio holds the layout and the choices; the source card, the result and the top bar are
our own scripts (assets/*.js) in `gr.HTML` components, because they show upload progress, text as it comes and a player
that follows the text, none of which Gradio's components do.

No event of the page reaches the server through Gradio: the scripts talk to the app's own routes (/api/jobs…) with the
session cookie, so a job goes on when the page is closed. Gradio's one endpoint is /predict, for programs (predict.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import gradio as gr

from ..types import ModelInfo, Punctuation, Script
from .predict import Predict
from .spoken import OWN_NAMES

_CHOICES = "task, language, model, prompt, hotwords, words, script, punctuation"
FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")


def build_page(
    models: Sequence[ModelInfo], messages: Mapping[str, Mapping[str, str]], assets: str, predict: Predict
) -> tuple[gr.Blocks, gr.I18n]:
    """The blocks of the page, and the texts of its labels out of `messages` (language -> key -> text). `assets` is the
    path below which the scripts are served."""
    say = gr.I18n(**{language: dict(texts) for language, texts in messages.items()})
    with gr.Blocks(title=messages["en"]["wt_title"], fill_width=True, analytics_enabled=False) as page:
        _script("wt-bar", assets, "bar")
        with gr.Row(elem_id="wt-columns"):
            with gr.Column(elem_id="wt-form", min_width=300):
                _script("wt-source", assets, "source")
                task = gr.Radio(
                    [(say("wt_task_transcribe"), "transcribe"), (say("wt_task_translate"), "translate")],
                    value="transcribe",
                    label=say("wt_task"),
                    elem_id="wt-task",
                )
                language = gr.Dropdown(
                    [(say("wt_language_auto"), ""), *((name, code) for code, name in OWN_NAMES.items())],
                    value="",
                    num_choices_shown=None,
                    label=say("wt_language"),
                    elem_id="wt-language",
                )
                model = gr.Dropdown(
                    [each.name for each in models],
                    value=next((each.name for each in models if each.default), None),
                    label=say("wt_model"),
                    elem_id="wt-model",
                    visible=len(models) > 1,
                )
                with gr.Accordion(say("wt_advanced"), open=False, elem_id="wt-advanced"):
                    with gr.Row(elem_id="wt-writing"):
                        script = gr.Dropdown(
                            [(say(f"wt_script_{each or 'keep'}"), each) for each in ("", *get_args(Script))],
                            value="",
                            label=say("wt_script"),
                            elem_id="wt-script",
                            min_width=120,
                            visible=any(each.multilingual for each in models),
                        )
                        punctuation = gr.Dropdown(
                            [(say(f"wt_punctuation_{each}"), each) for each in get_args(Punctuation)],
                            value="keep",
                            label=say("wt_punctuation"),
                            elem_id="wt-punctuation",
                            min_width=120,
                        )
                    _script("wt-writing-info", assets, "writing")
                    prompt = gr.Textbox(
                        label=say("wt_prompt"), info=say("wt_prompt_info"), lines=2, max_length=600, elem_id="wt-prompt"
                    )
                    hotwords = gr.Textbox(
                        label=say("wt_hotwords"), info=say("wt_hotwords_info"), max_length=300, elem_id="wt-hotwords"
                    )
                    words = gr.Checkbox(
                        value=True, label=say("wt_words_on"), info=say("wt_words_info"), elem_id="wt-words"
                    )
                start = gr.Button(say("wt_start"), variant="primary", elem_id="wt-start")
                _script("wt-note", assets, "start")
            with gr.Column(elem_id="wt-result-column", min_width=300):
                _script("wt-result", assets, "result")
        writing = [script, punctuation]
        start.click(
            None,
            [task, language, model, prompt, hotwords, words, *writing],
            js=f"async ({_CHOICES}) => {{ (await import('{assets}/work.js')).start({{{_CHOICES}}}); }}",
            api_name=False,
        )
        page.load(None, None, writing, js=f"async () => (await import('{assets}/start.js')).begin()", api_name=False)
        gr.api(predict, api_name="predict", concurrency_limit=None)
    return page, say


def _script(elem_id: str, assets: str, module: str) -> None:
    """A place in the page that `assets/<module>.js` fills: its `mount(element)` is called once it is there."""
    gr.HTML(
        "",
        elem_id=elem_id,
        apply_default_css=False,
        js_on_load=f"import('{assets}/{module}.js').then((module) => module.mount(element));",
    )


def theme() -> gr.themes.Base:
    """Plain fonts of the reader's system: a Google font would be an outside request. Colours are in page.css."""
    return gr.themes.Base(font=FONTS, font_mono=("ui-monospace", "Consolas", "monospace"))
