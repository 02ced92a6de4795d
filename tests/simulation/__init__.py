"""Whole workers on virtual time, against a broker and a database that are simulated.

What runs is `shared.worker.Worker` as it is deployed, with its handling, relay, inbox and dead
letters: coroutines that wait, which is to say state machines. Only what they wait for is replaced:
asyncpg and aio-pika at their edge, and the clock. All chance comes from one seed, so that a run
that went wrong goes wrong again.

    python -m tests.simulation --seed 7 --steps 1000000
    python -m tests.simulation --seed 7.13              # only that world, with its last events
"""
