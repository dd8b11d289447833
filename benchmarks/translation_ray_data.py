"""The peer of `benchmarks.translation`: the same requests through Ray Data's HTTP stage for language models.

python -m benchmarks.translation_ray_data URL ROWS WORKERS
"""

import sys
from typing import Any

from pipelines.translation.prompts import messages
from tests.support.wordbook import captions


def main(url: str, rows: int, workers: int) -> None:
    """Ask for `rows` captions."""
    import ray
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    ray.init(num_cpus=max(2, workers), include_dashboard=False, log_to_driver=False)
    config = HttpRequestProcessorConfig(url=f"{url}/chat/completions", concurrency=workers, batch_size=64)

    def ask(row: dict[str, Any]) -> dict[str, Any]:
        turns = [{"role": role, "content": text} for role, text in messages("translate", row["caption"], "en", "zh")]
        return {"payload": {"model": "echo", "messages": turns, "temperature": 0, "max_tokens": 1024}}

    def take(row: dict[str, Any]) -> dict[str, Any]:
        return {"translation": row["http_response"]["choices"][0]["message"]["content"]}

    asked = ray.data.from_items([{"caption": caption} for caption in captions(rows)], override_num_blocks=workers * 2)
    done = build_processor(config, preprocess=ask, postprocess=take)(asked).take_all()
    assert len(done) == rows


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
