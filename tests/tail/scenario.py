# SPDX-License-Identifier: Apache-2.0
"""The table of scenarios: @scenario(NUMBER, ABOUT, lost=N, dup=N) on a function of a Box."""

SCENARIOS = []
ANY = float("inf")


class Scenario:
    def __init__(self, run, number, about, *, part="", lost=0, dup=0, alone=False, soak=False):
        self.run = run
        self.number = number
        self.label = f"{number}{part}"
        self.about = about
        self.lost = lost
        self.dup = dup
        self.alone = alone
        self.soak = soak
        self.lost_text = "see text" if lost == ANY else str(lost)
        self.dup_text = "any" if dup == ANY else str(dup)


def scenario(number, about, **settings):
    """`lost`, `dup`: records that may be lost, or evaluated again and recognised; `part`: one of several of a number."""
    def enter(run):
        SCENARIOS.append(Scenario(run, number, about, **settings))
        return run
    return enter
