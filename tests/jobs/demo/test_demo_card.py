from jobs.demo.cards import SHIPPED, comparable


def test_only_sizes_in_bytes_are_not_compared() -> None:
    card = (
        "    num_bytes: 4000\n  download_size: 3500\n  dataset_size: 4000\n"
        "| `train` | 1,689 | 12,545,713 |\n| `caption` | `en` | 258 | 258 |\n"
    )
    assert comparable(card) == (
        "    num_bytes: …\n  download_size: …\n  dataset_size: …\n"
        "| `train` | 1,689 | … |\n| `caption` | `en` | 258 | 258 |\n"
    )


def test_the_repository_holds_a_card() -> None:
    assert SHIPPED.read_text("utf-8").startswith("---\n")
