#!/bin/sh
# pproxy: a module that fails, lies, dies or hangs costs one login, and never the user's trust.
. t/lib/tap.sh
command -v cc >/dev/null || skip_all 'no C compiler'
plan 16

modules
file bad.c <<'EOC'
#include <popular/pdm.h>
#include <stdlib.h>
#include <unistd.h>

static int
make(const struct pdm_config *config, void **ctx, struct pdm_buf *error)
{
	(void)config, (void)ctx, (void)error;
	return 0;
}

static int
check(void *ctx, const struct pdm_request *request, struct pdm_answer *answer)
{
	(void)ctx;
	if (request->user.len != 4)
		return PDM_UNKNOWN;
	switch (request->user.ptr[0]) {
	case 'f': /* fail */
		pdm_puts(&answer->reason, "the database is down");
		return PDM_FAIL;
	case 'd': /* dies */
		abort();
	case 'h': /* hang */
		for (;;)
			pause();
	case 'l': /* lies */
		pdm_puts(&answer->backend, "b1");
		pdm_puts(&answer->mailbox, "../../etc/passwd");
		return PDM_ACCEPT;
	case 'o': /* odd */
		return 4711;
	}
	return PDM_UNKNOWN;
}

const struct pdm_module pdm_module = {
	.abi = PDM_ABI, .size = sizeof(pdm_module), .name = "bad",
	.open = make, .check = check
};
EOC
cc -shared -fPIC -Isrc/pdm -o "$T/lib/libpdm_bad.so" "$T/bad.c" || exit 1
file users <<EOC
*:joe:{PLAIN}secret:b1:3/joe
EOC
file pproxy.rc <<EOC
set moduledir $T/lib
backend add b1 127.0.0.1:$(port 2) proto=xpop
pdm add worse bad
pdm add users flat $T/users
vserv add main 127.0.0.1:$(port 1)
EOC
daemon fakepop3 "$(port 2)" xpop mail=1 && ready 2
daemon pproxy -d -f "$T/pproxy.rc" && ready 1

later='^-ERR \[SYS/TEMP\] cannot verify you now'
talk 1 'USER fail' 'PASS x' STAT QUIT
line 3 "$later" 'a module that fails is no wrong password'
line 4 '^-ERR STAT is not allowed' 'and no empty maildrop'
seen pproxy 'ev=module_failed .*lvl=ADM .*pdm=worse why="the database is down"' 'the log says why'
seen pproxy 'ev=login_failed .*user=fail' 'and whom it hit'
talk 1 'USER lies' 'PASS x' QUIT
line 3 "$later" 'a mailbox outside the spool is believed by nobody'
seen pproxy 'ev=module_failed .*pdm=worse why="mailbox .*component"' 'and logged'
# Three failures in a row would be too many.
talk 1 'USER joe' 'PASS secret' QUIT
talk 1 'USER oddx' 'PASS x' QUIT
line 3 "$later" 'nor is an answer without a meaning'

# The limit that holds for a call is the one at its beginning.
ctl pproxy set authtimeout 1s >/dev/null
talk -n hang 1 'USER hang' 'PASS x' :eof &
asking() { ctl pproxy session list | grep -q 'doing="pdm worse"'; }
until_ok asking
ok $? 'what a session is waiting for can be seen'
ctl pproxy set authtimeout 1m >/dev/null
talk 1 'USER dies' 'PASS x' :eof
like "$(tail -n 1 "$T/talk.log")" '^\[(closed|reset)\]' 'a module that dies takes one session with it'
seen pproxy 'ev=worker_died .*lvl=SOS .*doing="pdm worse"' 'and is named'
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 16' 'meanwhile others are served'
talk 1 'USER joe' 'PASS wrong' QUIT
line 3 '^-ERR \[AUTH\]' 'and strangers are not'
seen pproxy 'ev=worker_stuck .*lvl=ADM .*doing="pdm worse"' 'a module that hangs is found out'
until_ok test -s "$T/hang.log" && until_ok grep -Eq 'closed|reset' "$T/hang.log"
ok $? 'and its session ended'
talk 1 'USER joe' 'PASS secret' STAT QUIT
line 4 '^\+OK 1 16' 'and others are served still'
unseen pproxy 'login_refused .*user=(fail|lies|oddx|dies|hang)' 'none of it was called a wrong password'
