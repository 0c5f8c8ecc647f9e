# SPDX-License-Identifier: Apache-2.0
"""What a run gives. Names of fields are E2B's, so that code moves over by an import."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

CHART = "application/vnd.pyhl.chart+json"
TABLE = "application/vnd.pyhl.table+json"
FORMATS = {"text": "text/plain", "html": "text/html", "markdown": "text/markdown", "svg": "image/svg+xml", "png": "image/png",
           "jpeg": "image/jpeg", "pdf": "application/pdf", "latex": "text/latex", "json": "application/json",
           "javascript": "application/javascript", "data": TABLE, "chart": CHART}


@dataclass
class OutputMessage:
    """A piece of output as it came. timestamp: ns since 1970, of its arrival. error: it is of standard error."""
    line: str
    timestamp: int = 0
    error: bool = False

    def __str__(self) -> str:
        return self.line


@dataclass
class ExecutionError:
    """What ended the run: an exception of the code, or a limit, whose name is then timeout, cpu, memory, output or
    tool_calls."""
    name: str
    value: str
    traceback: str = ""


@dataclass
class Result:
    """A value that is shown, in all its forms: one that it does not have is None. png, jpeg and pdf are base64, data are the
    columns of a table, chart is what a figure shows. extra: other forms, by their MIME types."""
    text: Optional[str] = None
    html: Optional[str] = None
    markdown: Optional[str] = None
    svg: Optional[str] = None
    png: Optional[str] = None
    jpeg: Optional[str] = None
    pdf: Optional[str] = None
    latex: Optional[str] = None
    json: Optional[Any] = None
    javascript: Optional[str] = None
    data: Optional[Dict[str, List[Any]]] = None
    chart: Optional[Dict[str, Any]] = None
    is_main_result: bool = False
    extra: Dict[str, Any] = field(default_factory=dict)
    metadata: Dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Dict[str, Any], main: bool) -> Result:
        forms = dict(record.get("data", {}))
        known = {name: forms.pop(mime) for name, mime in FORMATS.items() if mime in forms}
        return cls(is_main_result=main, extra=forms, metadata=record.get("metadata", {}), **known)

    def formats(self) -> List[str]:
        return [name for name in FORMATS if getattr(self, name) is not None] + list(self.extra)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name) if name in FORMATS else self.extra[name]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """In a notebook the result looks as it would if its code had run there."""
        data = {mime: getattr(self, name) for name, mime in FORMATS.items() if getattr(self, name) is not None}
        return {**data, **self.extra}, self.metadata

    def __str__(self) -> str:
        return self.text if self.text is not None else f"Result({', '.join(self.formats())})"


@dataclass
class Logs:
    """Output as it came, a piece each."""
    stdout: List[str] = field(default_factory=list)
    stderr: List[str] = field(default_factory=list)


@dataclass
class Execution:
    """A run that has ended. exit_code: as a shell has it. limit: the limit that has ended it, or None. counts and times:
    as `pyhl run --json` has them."""
    results: List[Result] = field(default_factory=list)
    logs: Logs = field(default_factory=Logs)
    error: Optional[ExecutionError] = None
    execution_count: Optional[int] = None
    exit_code: int = 0
    limit: Optional[str] = None
    counts: Dict[str, int] = field(default_factory=dict)
    times: Dict[str, float] = field(default_factory=dict)

    @property
    def text(self) -> Optional[str]:
        """The main result as text."""
        return next((result.text for result in self.results if result.is_main_result), None)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """In a notebook an execution looks as its main result does, or as its output."""
        for result in self.results:
            if result.is_main_result:
                return result._repr_mimebundle_(include, exclude)
        return {"text/plain": self.stdout if self.error is None else f"{self.stdout}{self.error.name}: {self.error.value}"}, {}

    @property
    def stdout(self) -> str:
        return "".join(self.logs.stdout)

    @property
    def stderr(self) -> str:
        return "".join(self.logs.stderr)

    def to_json(self) -> str:
        def plain(value: Any) -> Any:
            return {name: item for name, item in vars(value).items() if item is not None}

        return json.dumps({"results": [plain(result) for result in self.results], "logs": vars(self.logs),
                           "error": vars(self.error) if self.error else None, "execution_count": self.execution_count,
                           "exit_code": self.exit_code, "limit": self.limit})
