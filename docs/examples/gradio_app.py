import gradio as gr

from web.page.component import eyeline


def note(said: str, caption: gr.EventData) -> str:
    return f"{said}{caption.text}\n"


with gr.Blocks() as demo:
    camera = eyeline("http://localhost:7860")
    notes = gr.Textbox(label="What was said", lines=6)
    camera.change(note, notes, notes)

demo.launch(server_port=7861)
