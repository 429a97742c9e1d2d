#!/bin/sh
# plogstat: what the logs of POPular say of a day, in numbers. See plogstat(8).
set -u
LC_ALL=C
export LC_ALL

usage() { echo 'usage: plogstat [-h] [-d today|yesterday|YYYY-MM-DD] [-n NUMBER] [FILE ...]'; }
wrong() {
    echo "plogstat: $1" >&2
    usage >&2
    exit 2
}

day=
top=10
while getopts :d:hn: option; do
    case $option in
    d) day=$OPTARG ;;
    h)
        usage
        exit 0
        ;;
    n) top=$OPTARG ;;
    :) wrong "option -$OPTARG lacks its value" ;;
    *) wrong "there is no option -$OPTARG" ;;
    esac
done
shift $((OPTIND - 1))
case $top in
'' | *[!0-9]* | ?????*) wrong "-n: a number from 0 to 9999, and not $top" ;;
esac
case $day in
today) day=$(date +%Y-%m-%d) ;;
yesterday)
    before=$(($(date +%s) - 86400))
    day=$(date -d "@$before" +%Y-%m-%d 2>/dev/null || date -r $before +%Y-%m-%d)
    ;;
'' | [0-9][0-9][0-9][0-9]-0[1-9]-[0-3][0-9] | [0-9][0-9][0-9][0-9]-1[0-2]-[0-3][0-9]) ;;
*) wrong "-d: today, yesterday or a day like 2026-11-25, and not $day" ;;
esac
for file; do
    if [ ! -r "$file" ] || [ -d "$file" ]; then wrong "$file cannot be read"; fi
done

read_all() {
    [ $# -gt 0 ] || cat
    for file; do
        case $file in
        *.gz) gzip -dc <"$file" ;;
        *) cat <"$file" ;;
        esac
    done
}

read_all "$@" | awk -v day="$day" -v top="$top" '
BEGIN {
    MOST = 100000    # addresses that are told apart; an attacker has more
    split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", months, " ")
    if (day != "")
        short = sprintf("%s %2d ", months[substr(day, 6, 2) + 0], substr(day, 9, 2))
    n = split("login_ok fallback_ok login_refused login_failed login_delayed proxy_session " \
        "soft_failure backend_failed backend_refused check_silent server_session " \
        "delivered over_quota not_delivered", name, " ")
    for (i = 1; i <= n; i++) wanted[name[i]] = 1
}

# In a line of ours the first = stands behind ev: nothing before it is of a client.
{
    eq = index($0, "=")
    head = substr($0, 1, eq)
    if (day != "" && index(substr(head, 1, 16), day) == 0 && substr(head, 1, 7) != short) next
    if (head ~ /^(<[0-9]+>1 )?[^ ]+ [^ ]+ p[a-z]+ [0-9]+ [a-z_]+ \[popular@32473 ev=$/) {
        # RFC 5424: in a value, the bracket would stand behind a backslash.
        eq = index($0, "\"] ev=") + 5
        sub(/^<[0-9]+>1 /, "", head)
        sub(/ p[a-z]+ [0-9]+ [^=]*=$/, "", head)
    } else if (head !~ /(^| )p[a-z]+\[[0-9]+\]: ev=$/ || head ~ /: .*: /) next
    sub(/ ?[^ ]* ev=$/, "", head)
    if (!events++) first = head
    last = head
    rest = substr($0, eq - 2)
    split(substr(rest, 1, 120), word, " ")
    ev = substr(word[1], 4)
    if (word[3] ~ /^lvl=(ADM|SOS|BUG)$/) attention[substr(word[3], 5) ":" ev]++
    if (ev in wanted) {
        parse(rest)
        match(head, /[0-9][0-9]:[0-9][0-9]:/)
        note(ev, substr(head, RSTART, 2))
    }
}

# Fields into v, by key. What stands in quotes may hold blanks, and quotes behind a backslash.
function parse(rest,    n, i, e, f, field) {
    split("", v)
    if (!index(rest, "\"")) {
        n = split(rest, f, " ")
        for (i = 1; i <= n; i++) {
            e = index(f[i], "=")
            v[substr(f[i], 1, e - 1)] = substr(f[i], e + 1)
        }
        return
    }
    while (match(rest, /^ *[a-z_]+=("([^"\\]|\\.)*"|[^ "]*)/)) {
        field = substr(rest, 1, RLENGTH)
        rest = substr(rest, RLENGTH + 1)
        sub(/^ */, "", field)
        e = index(field, "=")
        v[substr(field, 1, e - 1)] = substr(field, e + 1)
    }
}

function note(ev, hour,    key) {
    if (ev ~ /^(login_|fallback_ok)/) {
        vservs[v["vserv"]]
        logins[v["vserv"], ev]++
        if (ev == "login_refused") {
            key = v["rip"]
            if (!(key in refused) && ++known > MOST) key = "others"
            refused[key]++
            hours[hour, "refused"]++
        }
    } else if (ev == "proxy_session") {
        vservs[v["vserv"]]
        sessions[v["vserv"], "all"]++
        sessions[v["vserv"], v["mode"]]++
        received[v["vserv"]] += v["in"]
        sent[v["vserv"]] += v["out"]
        hours[hour, "sessions"]++
        lasted(v["mode"], v["ms"])
    } else if (ev == "soft_failure") {
        backends[v["backend"]]
        trouble[v["backend"], "soft_" v["kind"]]++
        hours[hour, "soft"]++
    } else if (ev ~ /^(backend_|check_)/) {
        backends[v["backend"]]
        trouble[v["backend"], ev]++
    } else if (ev == "server_session") {
        server["sessions"]++
        server["messages"] += v["messages"]
        server["retrieved"] += v["retrieved"]
        server["removed"] += v["removed"]
        server["in"] += v["in"]
        server["out"] += v["out"]
        lasted("pserv", v["ms"])
    } else {
        mail[ev]++
        if (ev == "delivered") octets += v["octets"]
    }
}

# Three digits of each duration are kept, so that there are few of them.
function lasted(what, ms,    unit) {
    durations[what]++
    ms += 0
    if (ms > longest[what]) longest[what] = ms
    for (unit = 1; ms / unit >= 1000; unit *= 10) ;
    lengths[what, int(ms / unit) * unit]++
}
function percentile(what, part,    ms, sum, step) {
    step = 1
    for (ms = 0; ms <= longest[what]; ms += step) {
        if (ms >= 1000 * step) step *= 10
        if ((what, ms) in lengths) sum += lengths[what, ms]
        if (sum >= part * durations[what]) return ms
    }
    return longest[what]
}

function clean(text) {
    gsub(/[^!-~]/, "?", text)
    return substr(text, 1, 38)
}
function title(left, columns,    n, i, column) {
    n = split(columns, column, " ")
    printf "\n%-22s", left
    for (i = 1; i <= n; i++) printf " %10s", column[i]
    print ""
    fflush()
}
# One row: its name, and numbers that stand apart by blanks.
function row(name, numbers,    n, i, number, line) {
    n = split(numbers, number, " ")
    line = sprintf("%-22s", clean(name))
    for (i = 1; i <= n; i++) line = line sprintf(" %10s", number[i])
    return line
}
function n0(number) { return sprintf("%.0f ", number) }
function share(part, all) { return (all ? sprintf("%.1f%%", 100 * part / all) : "-") " " }

function columns(table, key, names,    n, i, name, text) {
    n = split(names, name, " ")
    for (i = 1; i <= n; i++) text = text n0(table[key, name[i]])
    return text
}

END {
    if (!events) exit 1
    printf "%.0f events from %s to %s\n", events, first, last
    LOGINS = "login_ok fallback_ok login_refused login_failed login_delayed"
    title("logins", "ok fallback refused failed delayed")
    for (key in vservs) print row(key, columns(logins, key, LOGINS)) | "sort"
    close("sort")

    title("sessions", "all empty relay soft none empty-%")
    for (key in vservs)
        print row(key, columns(sessions, key, "all empty relay soft none") \
            share(sessions[key, "empty"], sessions[key, "all"] - sessions[key, "none"])) | "sort"
    close("sort")

    title("octets", "received sent")
    for (key in vservs) print row(key, n0(received[key]) n0(sent[key])) | "sort"
    close("sort")

    title("milliseconds", "sessions p50 p95 longest")
    for (key in durations)
        print row(key, n0(durations[key]) n0(percentile(key, 0.5)) n0(percentile(key, 0.95)) \
            n0(longest[key])) | "sort"
    close("sort")

    TROUBLE = "soft_empty soft_tempfail backend_failed backend_refused check_silent"
    title("backends", "soft-empty soft-temp failed refused silent")
    for (key in backends) print row(key, columns(trouble, key, TROUBLE)) | "sort"
    close("sort")

    if (server["sessions"]) {
        title("pserv", "sessions messages retrieved removed received sent")
        print row("all", n0(server["sessions"]) n0(server["messages"]) n0(server["retrieved"]) \
            n0(server["removed"]) n0(server["in"]) n0(server["out"]))
    }
    if (mail["delivered"] + mail["over_quota"] + mail["not_delivered"]) {
        title("pdeliver", "delivered octets over-quota failed")
        print row("all", n0(mail["delivered"]) n0(octets) n0(mail["over_quota"]) \
            n0(mail["not_delivered"]))
    }

    title("hour", "sessions refused soft")
    for (i = 0; i < 24; i++) {
        text = columns(hours, sprintf("%02d", i), "sessions refused soft")
        if (text != "0 0 0 ") print row(sprintf("%02d", i), text)
    }

    title("refused, by address", "number")
    by_number = "sort -k2,2nr -k1,1 | awk \"NR <= " top "\""
    for (key in refused) print row(key, n0(refused[key])) | by_number
    close(by_number)

    title("to be looked at", "number")
    for (key in attention) print row(key, n0(attention[key])) | "sort"
    close("sort")
}
'
status=$?
[ $status -ne 1 ] || echo "plogstat: there is no event${day:+ of $day}" >&2
exit $status
