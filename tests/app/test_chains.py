"""Chains: jobs of which each window is decoded with the text before it as prompt, one after the other."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_app.database import connect, sqlite_url
from service_app.engine.transcript import carried
from service_app.jobs import codec
from service_app.jobs.board import Board
from service_app.jobs.nodes import NodeStore
from service_app.jobs.runs import RunStore
from service_app.jobs.store import JobStore
from service_app.types import Job, JobState, Lane, Options, Plan, Segment, Window, WindowResult

from .conftest import NewServer, Server, create, ended
from .test_hands import taken_up, wait_until

WINDOWS = tuple(Window(n, 10.0 * n, 10.0 * n + 10) for n in range(4))
PLAN = Plan(40.0, 40.0, "en", 1.0, WINDOWS)
CHAIN = Options(condition_on_previous_text=True)
MOST = 16  # windows that are looked back


def text(windows: int) -> str:
    """Of a chain with the timed engine."""
    before = [" ".join(map(str, range(max(0, n - MOST), n))) or "nothing" for n in range(windows)]
    return " ".join(f"{n} after {said}." for n, said in enumerate(before))


def said(index: int) -> WindowResult:
    return WindowResult(WINDOWS[index], (Segment(0.0, 1.0, f" {index}", tokens=(index,)),))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """With the job `job`, a chain of node n1, beside node n2."""
    database = connect(sqlite_url(tmp_path / "jobs.sqlite"))
    jobs, nodes, runs, board = JobStore(database), NodeStore(database), RunStore(database), Board(database)
    for name in ("n1", "n2"):
        nodes.register(name, name, name)
    jobs.add(Job("job", "ann", "a.wav", JobState.QUEUED, CHAIN, Lane.API, 1.0))
    assert runs.claim("job", "n1")
    assert runs.running("job", "n1", 1.0)
    assert runs.save_plan("job", "n1", PLAN, 1.0)
    board.post("job", "n1", WINDOWS, 1.0, chain=True)
    yield board
    database.dispose()


def free(board: Board) -> bool:
    return bool(board.open("n1"))


def test_a_claim_takes_the_first_window_and_the_next_waits_for_its_text(board: Board) -> None:
    assert board.claim("job", "n1", 32) == [0]
    assert not free(board)
    assert board.claim("job", "n2", 32) == []
    assert board.save("job", "n1", PLAN, said(0), chain=True)
    assert board.claim("job", "n2", 32, nodes=2) == [1]
    assert board.claim("job", "n1", 32) == []
    for index, node in ((1, "n2"), (2, "n1"), (3, "n1")):
        assert board.left("job") == 4 - index
        assert board.save("job", node, PLAN, said(index), chain=True)
        assert board.claim("job", "n1", 32) == ([] if index == 3 else [index + 1])
    assert (board.left("job"), free(board)) == (0, False)


def test_a_window_that_goes_back_is_the_next_one_again(board: Board) -> None:
    board.claim("job", "n1", 32)
    board.give_back("n1", [("job", 0)])
    assert board.claim("job", "n2", 32) == [0]
    assert board.failed("n2", ("job", 0), 3)
    assert board.claim("job", "n1", 32) == [0]
    assert board.save("job", "n1", PLAN, said(0), chain=True)
    assert board.claim("job", "n2", 32) == [1]
    nodes = NodeStore(board._engine)
    (dead,) = (node for node in nodes.all() if node.executor == "n2")
    assert nodes.bury("n2", dead.beat)
    assert board.claim("job", "n1", 32) == [1]
    assert board.claim("job", "n1", 32) == []


def test_windows_posted_again_free_none_beside_the_one_in_hand(board: Board) -> None:
    board.claim("job", "n2", 32)
    board.post("job", "n1", WINDOWS, 1.0, chain=True)
    assert not free(board)
    assert board.save("job", "n2", PLAN, said(0), chain=True)
    board.post("job", "n1", WINDOWS, 1.0, chain=True)
    assert board.claim("job", "n1", 32) == [1]


def test_the_chain_goes_on_after_a_node_that_knows_of_none(board: Board) -> None:
    """A release before this one saves a window and frees no other."""
    assert not board.go_on("job")
    board.claim("job", "n2", 32)
    assert not board.go_on("job")
    assert board.save("job", "n2", PLAN, said(0))
    assert not free(board)
    assert board.go_on("job")
    assert board.claim("job", "n1", 32) == [1]
    RunStore(board._engine).end("job", JobState.CANCELLED, 2.0)
    assert not board.go_on("job")


def test_what_a_high_temperature_guessed_is_not_carried_on() -> None:
    cool, hot = Segment(0, 1, " a", tokens=(1, 2), temperature=0.4), Segment(1, 2, " b", tokens=(3,), temperature=0.6)
    assert carried([cool, cool]) == (1, 2, 1, 2)
    assert carried([cool, hot]) == ()
    assert carried([cool, hot, cool]) == (1, 2)
    assert carried([cool], (9,)) == (9, 1, 2)
    assert carried([hot], (9,)) == ()


def test_the_text_before_is_that_of_the_windows_before(board: Board) -> None:
    runs = RunStore(board._engine)
    for index in range(3):
        board.claim("job", "n1", 32)
        board.save("job", "n1", PLAN, said(index), chain=True)
    assert [runs.carried("job", position) for position in range(4)] == [(), (0,), (0, 1), (0, 1, 2)]


def test_jobs_of_earlier_releases_are_no_chains() -> None:
    assert codec.load_options('{"task":"transcribe","temperature":[0.0]}') == Options(temperature=(0.0,))
    assert codec.load_options(codec.dump_options(CHAIN)) == CHAIN


def test_others_windows_are_decoded_beside_a_chain(tmp_path: Path) -> None:
    with taken_up(tmp_path, Board, RunStore, count=100) as (board, begin):
        begin("chain", 8, CHAIN)
        wait_until(lambda: board.left("job") == board.left("chain") == 0)
        segments = JobStore(board._engine).segments("chain")
    assert "".join(segment.text for segment in segments).strip() == text(8)
    order = [line.split() for line in (tmp_path / "decoded.txt").read_text().splitlines()]
    mine = [at for at, (name, _) in enumerate(order) if name == "chain"]
    assert [order[at][1] for at in mine] == [str(n) for n in range(8)]
    assert mine[-1] - mine[0] > 8, "nothing was decoded while a window of the chain was saved and the next one taken"


def test_a_killed_server_goes_on_with_the_chain(new_server: NewServer) -> None:
    server = new_server().start()
    with server.program() as client:
        job_id = create(client, "SPEECH 24 0.1", condition_on_previous_text="true")
        while client.get(f"/api/jobs/{job_id}").json()["progress"] < 0.3:
            pass
    server.end(signal.SIGKILL)
    server.start()
    with server.program() as client:
        job = ended(client, job_id)
        assert (job["state"], job["text"]) == ("done", text(24))
        assert job["options"]["condition_on_previous_text"]


def test_a_cancelled_chain_ends(server: Server) -> None:
    with server.program() as client:
        job_id = create(client, "SPEECH 50 0.1", condition_on_previous_text="true")
        while not client.get(f"/api/jobs/{job_id}").json()["text"]:
            pass
        cancelled = client.post(f"/api/jobs/{job_id}/cancel").json()
        assert (cancelled["state"], cancelled["text"][:15]) == ("cancelled", "0 after nothing")
