"""PGPool promotes a standby when the primary is lost; the old one comes back and follows."""

from __future__ import annotations

import httpx

from tests.chaos.load import Load
from tests.containers.project import FAILOVER_S, Node, Project
from tests.containers.visitors import Visitors
from tests.running_stack import wait_until

PRIMARY, REPLICA = "postgres-primary", "postgres-replica"
# How many events the standby is to lack when it is promoted.
_BEHIND = 500
_PROMOTED_S = 4 * FAILOVER_S
_NOBODY = Node(up=False, role="", state="")
_EVENTS = "SELECT count(*) FROM event_log.event"


def hold_back_the_standby(project: Project) -> None:
    """Have the primary refuse its standby: it goes on to be read, and receives nothing."""
    script = """
        sed -i '1i host replication replicator 127.0.0.1/32 scram-sha-256\\n'\
'host replication all all reject' /tmp/messaging/pg_hba.conf
        export PGPASSWORD="$(cat /run/secrets/postgres-postgres)"
        psql -XqAt -h 127.0.0.1 -U postgres -c "SELECT pg_reload_conf()"
        sleep 1
        psql -XqAt -h 127.0.0.1 -U postgres \
            -c "SELECT pg_terminate_backend(pid) FROM pg_stat_replication"
    """
    project.inside(PRIMARY, script)


def events(project: Project, host: str) -> int:
    return int(project.query("operator", _EVENTS, host=host)[0])


def test_a_primary_that_only_restarts_stays_the_primary(project: Project) -> None:
    load = Load(project.served, people=2)
    with load.running():
        load.await_progress()
        project.crash(PRIMARY)
        load.await_progress()
    assert project.leader() == PRIMARY
    load.check()
    wait_until(lambda: project.follows(REPLICA), 60)


def test_a_lost_primary_is_replaced_though_its_standby_was_behind(
    project: Project, waits: dict[str, dict[str, float]]
) -> None:
    load, visitors = Load(project.served, people=8), Visitors(project.served)
    with load.running(), visitors.visiting():
        load.await_progress()
        hold_back_the_standby(project)
        wait_until(lambda: events(project, PRIMARY) > events(project, REPLICA) + _BEHIND, 120)
        project.run("docker", "kill", project.container(PRIMARY))
        wait_until(lambda: project.leader() == REPLICA, _PROMOTED_S)
        load.await_progress()
        visitors.await_answers()
    waits["the primary lost, its standby behind"] = visitors.longest
    load.check()
    assert project.nodes()[REPLICA].role == "primary"


def test_the_old_primary_comes_back_as_a_standby_by_being_rewound(project: Project) -> None:
    assert project.leader() == REPLICA
    load = Load(project.served, people=2)
    with load.running():
        project.run("docker", "start", project.container(PRIMARY))
        wait_until(lambda: project.follows(PRIMARY), 90)
        load.await_progress()
    assert project.nodes()[REPLICA].role == "primary"
    assert "pg_rewind: Done!" in project.compose("logs", PRIMARY)
    load.check()
    wait_until(project.served.is_ready, 60)


def test_a_primary_that_was_cut_off_steps_down_and_the_two_have_exchanged_roles(
    project: Project, waits: dict[str, dict[str, float]]
) -> None:
    assert project.leader() == REPLICA
    load, visitors = Load(project.served, people=4), Visitors(project.served)
    with load.running(), visitors.visiting():
        load.await_progress()
        heal = project.disconnect(REPLICA)
        wait_until(lambda: project.leader() == PRIMARY, _PROMOTED_S)
        load.await_progress()
        visitors.await_answers()
        # It learns without a network that it was replaced.
        told = "another server has taken its place: stopping"
        wait_until(lambda: told in project.compose("logs", REPLICA))
        heal()
        wait_until(lambda: project.follows(REPLICA), 90)
        load.await_progress()
    waits["the primary cut off for long"] = visitors.longest
    load.check()
    assert project.nodes()[PRIMARY].role == "primary"
    wait_until(project.served.is_ready, 60)


def start_pgpool(project: Project, failover_seconds: int) -> None:
    """Start PGPool anew with another `MESSAGING_FAILOVER_SECONDS`; does not wait for it."""
    order = ("docker", "compose", "up", "--detach", "--no-deps", "pgpool")
    project.run(*order, environ={"MESSAGING_FAILOVER_SECONDS": str(failover_seconds)})


def register(url: str, number: int) -> dict[str, str]:
    """Make an account; return what it logs in with."""
    credentials = {"username": f"exchange{number}", "password": "correct horse battery"}
    account = {**credentials, "email": f"exchange{number}@example.com"}
    httpx.post(f"{url}/auth/v1/register", json=account, timeout=60).raise_for_status()
    return credentials


def exchange(project: Project, old: str, new: str) -> None:
    """Exchange the two as docs/runbooks/primary-lost.md says; PGPool promotes nobody after that."""
    project.compose("stop", old)
    assert project.leader() == old
    start_pgpool(project, 1)
    wait_until(lambda: project.nodes().get(new, _NOBODY).role == "primary", _PROMOTED_S)
    assert project.leader() == new
    start_pgpool(project, 0)
    project.compose("start", old)
    wait_until(lambda: project.follows(old), 90)


def test_the_two_are_exchanged_on_purpose_and_back_where_nobody_is_promoted_by_itself(
    project: Project, waits: dict[str, dict[str, float]]
) -> None:
    start_pgpool(project, 0)
    wait_until(project.served.is_ready, 60)
    load, visitors = Load(project.served, people=4), Visitors(project.served)
    with load.running(), visitors.visiting():
        for number, (old, new) in enumerate(((PRIMARY, REPLICA), (REPLICA, PRIMARY))):
            load.await_progress()
            # The moment before, so that the standby may lack it as yet.
            credentials = register(project.served.url, number)
            exchange(project, old, new)
            visitors.await_answers()
            login = f"{project.served.url}/auth/v1/login"
            assert httpx.post(login, json=credentials, timeout=60).is_success
    waits["the two Postgres exchanged on purpose"] = visitors.longest
    load.check()
    project.up("--no-deps", "pgpool")
    wait_until(project.served.is_ready, 60)
