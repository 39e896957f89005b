"""ModelOpsCoordinator: decides which language model is loaded on which GPU, and answers with it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import httpx
import torch
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from common.health import add_health, serve
from common.settings import settings

try:
    import pynvml
except ImportError:
    pynvml = None

log = logging.getLogger("model_ops")

MODELS = {"small": "llm/3b", "large": "llm/8b-awq"}
HEADROOM = 1.5 * 2**30

app = FastAPI(title="ModelOpsCoordinator")
add_health(app, {"gpu": torch.cuda.is_available})


class Question(BaseModel):
    prompt: str
    model: str = "small"
    max_new_tokens: int = 256


class Loaded:
    """One loaded model."""

    def __init__(self, folder: str) -> None:
        path = settings().models / folder
        self.tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        self.model = AutoModelForCausalLM.from_pretrained(path, torch_dtype=torch.float16, device_map="cuda")

    @torch.inference_mode()
    def answer(self, question: Question) -> str:
        inputs = self.tokenizer(question.prompt, return_tensors="pt").to(self.model.device)
        output = self.model.generate(**inputs, max_new_tokens=question.max_new_tokens)
        return self.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


_loaded: dict[str, Loaded] = {}
_lock = asyncio.Lock()


def free_bytes() -> int:
    """Return the GPU memory that is free, as the driver says where its bindings are installed."""
    if pynvml is not None:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            return pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0)).free
    return torch.cuda.mem_get_info()[0]


async def model(name: str) -> Loaded:
    if name not in MODELS:
        raise HTTPException(404, f"no model {name}")
    async with _lock:
        if name not in _loaded:
            if free_bytes() < HEADROOM:
                _loaded.clear()
                torch.cuda.empty_cache()
            _loaded[name] = await asyncio.to_thread(Loaded, MODELS[name])
        return _loaded[name]


@app.post("/answer")
async def answer(question: Question) -> dict[str, str]:
    loaded = await model(question.model)
    return {"answer": await asyncio.to_thread(loaded.answer, question)}


@app.get("/peers")
async def peers() -> list[str]:
    async with httpx.AsyncClient(base_url=settings().registry_url) as client:
        return [entry["name"] for entry in (await client.get("/services")).json()]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    serve(app)
