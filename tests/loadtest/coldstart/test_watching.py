"""Lists made while a request is under way."""

import pytest

from loadtest.coldstart.watching import Watch
from loadtest.errors import TargetError
from tests.loadtest.coldstart.lists import ListedPods, listed, pod


def test_watch_is_awaited_until_a_pod_is_ready() -> None:
    lists = [listed(), listed(pod()), *[listed(pod(ready=1))] * 50]

    with Watch(ListedPods(lists), "r1", listed()) as watch:
        watch.await_ready(10)

    serving = watch.sightings.serving()
    assert serving is not None
    assert serving.pod.name == "r1-a"
    assert len(watch.samples) >= 4


def test_watch_is_not_awaited_for_longer_than_asked() -> None:
    with Watch(ListedPods([listed(pod())] * 50), "r1", listed()) as watch:
        watch.await_ready(0.01)

    assert not watch.sightings.is_ready()


def test_failure_to_list_is_told_once_the_request_has_ended() -> None:
    def listen() -> None:
        with Watch(ListedPods([]), "r1", listed()) as watch:
            watch.await_ready(10)

    with pytest.raises(TargetError, match="no more lists"):
        listen()
