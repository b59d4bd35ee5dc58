"""立案条件推荐 commands of the command line: learning now."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from app.errors import NotReady
from app.session import with_services
from app.suggestions.service import LEAST_CASES, better, learn

app = typer.Typer(no_args_is_help=True, help="立案条件推荐 Suggestions of filing conditions: learn.")
output = Console(highlight=False)


@app.callback()
def _group() -> None:
    """立案条件推荐 Suggestions of filing conditions."""


@app.command("learn")
def learn_now() -> None:
    """学习 Learn from the filed cases and tell how good it is on the newest; the worker does so daily."""
    measured = with_services(learn)
    if measured is None:
        raise NotReady(f"已立案案卷不足 {LEAST_CASES} 件 / fewer than {LEAST_CASES} filed cases")
    table = Table(
        "方法 method", "学习案卷 learned from", "首选命中 top 1", "前三命中 top 3",
        title=f"实测：最新 {measured.held_out} 件 Measured on the newest, held out", title_justify="left",
    )  # fmt: skip
    rows = [
        *(("学习 learned", one) for one in measured.learned),
        ("文字相似 similarity", measured.similarity),
        ("最常见 commonest", measured.commonest),
    ]
    for method, one in rows:
        table.add_row(method, f"{one.cases:,}", f"{one.top_1:.1%}", f"{one.top_3:.1%}")
    output.print(table)
    if not better(measured):
        output.print("不及文字相似度，暂不采用 worse than likeness with the rulebook's words: not used")
