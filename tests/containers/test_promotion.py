"""PGPool promotes a standby when the primary is lost; the old one comes back and follows."""

from __future__ import annotations

import time

from tests.chaos.load import Load
from tests.containers.project import FAILOVER_S, Project
from tests.running_stack import wait_until

PRIMARY, REPLICA = "postgres-primary", "postgres-replica"
# How many events the standby is to lack when it is promoted.
_BEHIND = 500
_PROMOTED_S = 4 * FAILOVER_S
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
    project: Project, outages: dict[str, float]
) -> None:
    load = Load(project.served, people=8)
    with load.running():
        load.await_progress()
        hold_back_the_standby(project)
        wait_until(lambda: events(project, PRIMARY) > events(project, REPLICA) + _BEHIND, 120)
        lost = time.monotonic()
        project.run("docker", "kill", project.container(PRIMARY))
        wait_until(lambda: project.leader() == REPLICA, _PROMOTED_S)
        load.await_progress()
        outages["the primary, for good"] = time.monotonic() - lost
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
    project: Project, outages: dict[str, float]
) -> None:
    assert project.leader() == REPLICA
    load = Load(project.served, people=4)
    with load.running():
        load.await_progress()
        cut = time.monotonic()
        heal = project.disconnect(REPLICA)
        wait_until(lambda: project.leader() == PRIMARY, _PROMOTED_S)
        load.await_progress()
        outages["the primary, cut off"] = time.monotonic() - cut
        # It learns without a network that it was replaced.
        told = "another server has taken its place: stopping"
        wait_until(lambda: told in project.compose("logs", REPLICA))
        heal()
        wait_until(lambda: project.follows(REPLICA), 90)
        load.await_progress()
    load.check()
    assert project.nodes()[PRIMARY].role == "primary"
    wait_until(project.served.is_ready, 60)
