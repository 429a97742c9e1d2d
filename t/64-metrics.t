#!/bin/sh
# Metrics: what monitoring is told is right, well-formed, and enough for the dashboard.
. t/lib/tap.sh
plan 28

# Those of one daemon, as the lines NAME{LABELS} VALUE.
metrics() { ctl "$1" metrics >"$T/$1.prom"; }
value() { sed -n "s/^$2 //p" "$T/$1.prom"; }

suite
account joe b1 3/joe
box 3/joe
echo 'Subject: hello' | deliver 3/joe
echo "metrics add prom 127.0.0.1:$(port 4) allow=127.0.0.1" >>"$T/pproxy.rc"
echo "metrics add main 127.0.0.1:$(port 5)" >>"$T/pproxy.rc"
start_suite
talk 1 'USER joe' 'PASS secret' 'STAT' 'QUIT'
line 4 '^\+OK 1 ' 'a user reads mail'
# The session is counted when it is over, which its client does not wait for.
seen pproxy 'ev=proxy_session .*mode=relay' 'and leaves'

for name in pproxy pserv pcheckd; do metrics "$name"; done
is "$(value pproxy 'popular_sessions_total{program="pproxy"}')" 1 'the session was counted'
is "$(value pproxy 'popular_commands_total{program="pproxy",command="pass"}')" 1 'so were its commands'
is "$(value pproxy 'popular_backend_up{program="pproxy",id="b1"}')" 1 'its backend is up'
is "$(value pproxy 'popular_backend_state{program="pproxy",id="b1",state="disable"}')" 0 'and not disabled'
ctl pproxy backend disable b1 >/dev/null
metrics pproxy
is "$(value pproxy 'popular_backend_state{program="pproxy",id="b1",state="disable"}')" 1 'or it is'
is "$(value pserv 'popular_sessions_total{program="pserv"}')" 1 'pserv has counted it too'
is "$(value pcheckd 'popular_questions_total{program="pcheckd"}')" 1 'and pcheckd was asked'
is "$(value pproxy 'popular_backend_counts_total{program="pproxy",id="b1",counter="sessions"}')" 1 \
    'it is counted for the backend too'
is "$(value pproxy 'popular_events_total{program="pproxy",event="login_ok"}')" 1 'and events are'
like "$(value pproxy 'popular_generation{program="pproxy"}')" '^[1-9]' 'there is a generation'

ctl pproxy metrics openmetrics >"$T/open"
is "$(tail -n 1 "$T/open") $(grep -c '^# TYPE popular_sessions counter$' "$T/open")" '# EOF 1' \
    'OpenMetrics can be had'
like "$(ctl pproxy metrics xml)" 'wrong word xml .* openmetrics' 'and nothing else'

# By HTTP: the status and, in $T/body, the page.
get() {
    _where=$1
    shift
    curl -s -m "$WAIT" -o "$T/body" -w '%{http_code} %{content_type}' "$@" \
        "http://127.0.0.1:$(port "${_where%%/*}")/${_where#*/}"
}
like "$(get 4/metrics)" '^200 text/plain; version=0.0.4' 'they can be read by HTTP'
grep -v -e ' [0-9]*$' "$T/pproxy.prom" >"$T/a"
grep -v -e ' [0-9]*$' "$T/body" >"$T/b"
same "$T/a" "$T/b" 'and are the same ones'
is "$(sed -n 's/^popular_sessions_open{.*stage="other"} //p' "$T/body")" 0 \
    'who reads them is no session'
like "$(get 4/metrics -H 'Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1')" \
    '^200 application/openmetrics-text; version=1.0.0' 'as OpenMetrics for who asks for that'
like "$(get 4/)" '^404 ' 'there is no other page'
like "$(get 4/metrics -d x=1)" '^405 ' 'nothing can be sent'
like "$(get 5/metrics)" '^403 ' 'without allow= nobody may read'
seen pproxy 'ev=metrics_refused .* id=main rip=127.0.0.1 status=403' 'which is logged'
talk -s 4 ':send USER joe\r\n\r\n' ':line' ':eof'
line 1 '^HTTP/1.0 400 ' 'who speaks another protocol is told so'
like "$(ctl pproxy metrics list | sed -n 2p)" '^id=main .*allow=""' 'it is known where they can be read'

# Of the two forms this is the one that promtool reads.
PATH=$PATH:${CARGO_TARGET_DIR:-target}
for name in pproxy pserv pcheckd; do
    if command -v promtool >/dev/null; then
        promtool check metrics <"$T/$name.prom" >"$T/promtool.log" 2>&1
        ok $? "promtool finds nothing in those of $name" "$(cat "$T/promtool.log")"
    else
        ok 0 "# SKIP there is no promtool (make deps)"
    fi
done

perl -MJSON::PP -e '
    local $/; open my $f, "<", shift; my $page = decode_json(<$f>);
    print "$_->{expr}\n" for map { @{$_->{targets} || []} } @{$page->{panels}};' \
    etc/grafana/popular.json >"$T/queries"
grep -o 'popular_[a-z_]*' "$T/queries" | sort -u >"$T/asked"
sed -n 's/^\(popular_[a-z_]*\).*/\1/p' "$T"/*.prom | sort -u >"$T/known"
is "$(wc -l <"$T/queries" | awk '{ print ($1 > 40) }') $(comm -23 "$T/asked" "$T/known")" '1 ' \
    'the dashboard asks for metrics that there are'
