#!/bin/sh
# The suite: t/79-outage.t, measured for longer.
LONG=1
export LONG
exec sh t/79-outage.t
