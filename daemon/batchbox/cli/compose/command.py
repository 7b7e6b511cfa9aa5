"""`compose`: make a request file: one prompt over many files, rows of a table, images or PDFs."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import typer

from batchbox.cli.compose.inputs import InputChoice, InputSource, Words, find_source, read_input, read_params
from batchbox.cli.compose.options import (
    Csv,
    Drop,
    Exclude,
    Files,
    FilesFrom,
    IdColumn,
    Images,
    MaxBytes,
    MaxTokens,
    Model,
    Name,
    Out,
    Params,
    Pdfs,
    Prompt,
    QueueOption,
    Skip,
    System,
    Wait,
)
from batchbox.cli.compose.preview import Preview, preview, print_links, print_preview
from batchbox.cli.compose.request_file import TOLD, RequestFile
from batchbox.cli.configuration import ConfigOption, read_settings
from batchbox.cli.drop import follow
from batchbox.cli.options import JsonOption, SpoolOption, require_spool
from batchbox.cli.text_layout import print_json, print_wrapped
from batchbox.domain.errors import BAD_SETTINGS, NO_SPOOL, NOT_ALL_WELL, InvalidFile, Stop
from batchbox.domain.file_types import form_of
from batchbox.ports.clock import SystemClock
from batchbox.reports.check_result import count
from batchbox.settings.model import Settings
from batchbox.storage.local import durable
from batchbox.storage.local.dropping import drop_file
from batchbox.storage.local.layout import SETTINGS

HIDDEN = "the settings of this spool are not yours to read: model, length and price may be others"


@dataclass(frozen=True, slots=True)
class Aim:
    """Where the request file goes: nowhere if neither *drops* nor *out*.

    *knows_settings*: those of the spool, where there are any.
    """

    spool: Path | None
    queue: str
    drops: bool
    waits: bool
    out: Path | None
    name: str
    skips: bool
    as_json: bool
    knows_settings: bool


def compose(  # noqa: PLR0913, PLR0917  each is an option
    prompt: Prompt,
    files: Files = None,
    files_from: FilesFrom = None,
    exclude: Exclude = None,
    csv: Csv = None,
    id_column: IdColumn = None,
    images: Images = None,
    pdfs: Pdfs = None,
    model: Model = None,
    max_tokens: MaxTokens = None,
    system: System = None,
    params: Params = None,
    max_bytes: MaxBytes = None,
    skip: Skip = False,
    drop: Drop = False,
    queue: QueueOption = "default",
    name: Name = None,
    wait: Wait = False,
    out: Out = None,
    spool: SpoolOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create requests from a prompt and many files, rows or images."""
    knows = not spool or config is not None or _can_read(spool / SETTINGS)
    aim = Aim(spool, queue, drop, wait, out, name or _name_it(prompt), skip, as_json, knows)
    _check_aim(aim)
    choice = InputChoice(files or [], files_from, csv, images, pdfs, exclude or [], id_column, max_bytes)
    fields = read_params(params) | {"model": model, "max_tokens": max_tokens}
    try:
        settings = read_settings(spool if knows else None, config)
        _make(aim, choice, Words(prompt, system, fields), settings)
    except InvalidFile as unfit:
        raise Stop(unfit.problem, unfit.fix, code=BAD_SETTINGS) from None


def _make(aim: Aim, choice: InputChoice, words: Words, settings: Settings) -> None:
    if settings.refuses(aim.queue):
        fix = f"there are: {', '.join(['default', *settings.queue])}"
        raise Stop(f'there is no queue "{aim.queue}" here', fix, code=BAD_SETTINGS)
    with ExitStack() as stack:
        source = find_source(choice, stack)
        wish = read_input(words, source)
        file, path = stack.enter_context(_scratch(aim.out))
        draft = RequestFile()
        try:
            draft.write(file, source.supply, wish)
            file.flush()
        except OSError as error:
            raise _no_room(str(path.parent), error) from None
        _conclude(aim, source, preview(file, settings, aim.queue, draft), path)


def _name_it(prompt: str) -> str:
    """Return a name that says what was asked, and when: no two are the same by accident."""
    words = Path(prompt).stem if os.path.isfile(prompt) else "compose"
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", words).strip("-") or "compose"
    return f"{stem}-{SystemClock().now():%Y%m%dT%H%M%SZ}.jsonl"


def _check_aim(aim: Aim) -> None:
    problem = ""
    if aim.drops and aim.out:
        problem = "--drop and --out do not go together"
    if aim.waits and not aim.drops:
        problem = "--wait waits for what was dropped, and nothing is"
    if problem:
        raise Stop(problem, "give --drop, --drop --wait, or --out FILE", code=BAD_SETTINGS)
    form = form_of(os.fsencode(aim.name))
    if not form or not form.is_plain or "/" in aim.name:
        fix = "give it a name that ends in .jsonl, does not begin with . ~ _ or #, and has no slash"
        raise Stop(f"{aim.name} would not be taken as a request file", fix, code=BAD_SETTINGS)
    if aim.drops:
        require_spool(aim.spool)
    if aim.out and not aim.out.absolute().parent.is_dir():
        raise Stop(f"there is no folder for {aim.out}", "make it, or name another", code=BAD_SETTINGS)
    if aim.out and os.path.lexists(aim.out):
        raise Stop(f"{aim.out} is there already", "remove it, or name another", code=BAD_SETTINGS)


def _can_read(path: Path) -> bool:
    """Say whether *path* can be read, or is not there. Who may drop need not be one who may see settings."""
    return os.access(path, os.R_OK) or not os.path.lexists(path)


@contextmanager
def _scratch(out: Path | None) -> Iterator[tuple[BinaryIO, Path]]:
    """Give a file of our own, gone at the end, from which *out* can be made by one rename."""
    folder = str(out.absolute().parent) if out else tempfile.gettempdir()
    try:
        descriptor, path = tempfile.mkstemp(prefix=".compose-", suffix=".tmp", dir=folder)
    except OSError as error:
        raise _no_room(folder, error) from None
    try:
        with open(descriptor, "w+b") as file:
            yield file, Path(path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _no_room(folder: str, error: OSError) -> Stop:
    fix = "make room there; another place is named by --out, or by TMPDIR in the environment"
    return Stop(f"nothing can be written to {folder}: {error.strerror}", fix, code=NO_SPOOL)


def _conclude(aim: Aim, source: InputSource, outlook: Preview, draft: Path) -> None:
    """Tell what it is, and let it go where it should unless something is wrong."""
    problem = _find_problem(aim, source, outlook)
    links = sorted(source.matching.links)
    facts = outlook.facts() | {"links": links[:TOLD], "name": aim.name, "problem": problem or None}
    facts |= {"knows_settings": aim.knows_settings}
    if not aim.as_json and outlook.draft.is_empty:
        print_links(links)
    elif not aim.as_json:
        print_preview(outlook, source.noun, links)
        print_wrapped("" if aim.knows_settings else HIDDEN)
    if problem or not (aim.drops or aim.out):
        if aim.as_json:
            print_json(facts)
        else:
            print_wrapped(problem or "nothing was dropped: add --drop, or --out FILE", "")
        is_well = not problem or (source.is_listed and outlook.draft.is_empty)
        raise typer.Exit(0 if is_well else NOT_ALL_WELL)
    if aim.out:
        draft.chmod(0o666 & ~_umask())
        durable.move_onto_free(draft, aim.out.absolute())
        if aim.as_json:
            print_json(facts | {"out": str(aim.out)})
        else:
            print_wrapped(f"written to {aim.out}", "")
        return
    root = require_spool(aim.spool)
    dropped = drop_file(root, draft, aim.queue, aim.name)
    follow(root, dropped, aim.name, aim.waits, aim.as_json, facts)


def _find_problem(aim: Aim, source: InputSource, outlook: Preview) -> str:
    """Return why nothing may be sent, if so."""
    draft = outlook.draft
    if outlook.mistakes_total:
        return "nothing would be sent of this: see what is told above"
    if draft.missed and not aim.skips:
        missed = count(draft.missed, source.noun)
        return f"{missed} cannot be sent, so nothing is: mend that, or send the rest by --skip"
    if draft.requests:
        return ""
    is_none = source.is_listed and draft.is_empty
    nothing = "the list names nothing" if is_none else f"there is no {source.noun} to ask about"
    return f"{nothing}, so nothing is sent"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
