# POPular: make, make demo, make check, make install. README tells the rest.

PREFIX     = /usr/local
SYSCONFDIR = /etc
RUNDIR     = /run/popular
SPOOL      = /var/spool/popular
DESTDIR    =
SBINDIR    = $(PREFIX)/sbin
BINDIR     = $(PREFIX)/bin
MODULEDIR  = $(PREFIX)/lib/popular
INCLUDEDIR = $(PREFIX)/include
SHAREDIR   = $(PREFIX)/share/popular
MANDIR     = $(PREFIX)/share/man
CONFDIR    = $(SYSCONFDIR)/popular
RCDIR      = $(SYSCONFDIR)/init.d
# Of systemd, on Linux only; empty: none.
UNITDIR    = $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(PREFIX)/lib/tmpfiles.d

CARGO      = cargo
CARGOFLAGS = --locked
TARGET     = $${CARGO_TARGET_DIR:-target}
BIN        = $(TARGET)/release
PROVE      = prove
PROVEFLAGS = -j2
DAEMONS    = pproxy pserv pcheckd
UNITS      = $(UNITDIR)/pproxy.service $(UNITDIR)/pserv.service $(UNITDIR)/pcheckd.service \
	$(SYSUSERSDIR)/popular.conf $(TMPFILESDIR)/popular.conf
# For programs that look after logs: to be copied, see popular-log(7).
EXAMPLES   = fail2ban/filter.d/popular.conf fail2ban/jail.d/popular.conf logrotate/popular \
	newsyslog/popular.conf
CONFFILES  = pproxy.rc pserv.rc pcheckd.rc capa/default
# What a package is built from; the last two are in a tarball made by `make dist` only.
SOURCES    = Makefile Cargo.toml Cargo.lock README COPYING src man etc rc.d t .clippy.toml .cargo vendor
VERSION    = $$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SCRIPTS    = .ci/run t/*.t t/lib/*.sh t/lib/bench/*.sh t/lib/bench/inside t/deps \
	t/bench* t/charts t/demo t/stand rc.d/* src/*.sh

# rustup installs where only a login shell looks.
ENV = PATH="$$PATH:$$HOME/.cargo/bin" POPULAR_PREFIX=$(PREFIX) POPULAR_SYSCONFDIR=$(SYSCONFDIR) \
	POPULAR_RUNDIR=$(RUNDIR) POPULAR_SPOOL=$(SPOOL) POPULAR_MODULEDIR=$(MODULEDIR) \
	POPULAR_CAPADIR=$(CONFDIR)/capa

# What the files of the tree call by its usual name is called by its name here.
SED = sed -e 's,/usr/local/lib/systemd/system,$(UNITDIR),g' \
	-e 's,/usr/local/lib/popular,$(MODULEDIR),g' -e 's,/usr/local/sbin,$(SBINDIR),g' \
	-e 's,/usr/local/bin,$(BINDIR),g' -e 's,/usr/local/share/popular,$(SHAREDIR),g' \
	-e 's,/usr/local/include,$(INCLUDEDIR),g' -e 's,/etc/popular,$(CONFDIR),g' \
	-e 's,/run/popular,$(RUNDIR),g' -e 's,/var/spool/popular,$(SPOOL),g'

all:
	@t/deps -n build
	$(ENV) $(CARGO) build --release --workspace $(CARGOFLAGS)

deps:
	@t/deps check

demo:
	@t/deps demo
	$(ENV) $(CARGO) build --release --workspace $(CARGOFLAGS)
	@BIN="$(BIN)" ONCE="$(ONCE)" t/demo

check: all
	@t/deps -n check
	$(ENV) $(CARGO) test --workspace $(CARGOFLAGS)
	BIN="$(BIN)" $(PROVE) $(PROVEFLAGS) t/[0-8]*.t

check-slow: all
	@t/deps -n slow
	@set -- t/9*.t; if [ ! -e "$$1" ]; then echo 'there are no slow tests yet'; \
		else BIN="$(BIN)" $(PROVE) "$$@"; fi

# This suite beside other servers, whose packages are fetched for it.
bench:
	@t/deps bench
	$(ENV) $(CARGO) build --release --workspace $(CARGOFLAGS)
	@BIN="$(BIN)" t/bench

# What single parts cost.
benchparts: all
	BIN="$(BIN)" t/benchcheck
	BIN="$(BIN)" t/benchtls
	BIN="$(BIN)" t/benchmail

# How the cost of a session changes with what there is besides: tables for popular-tuning(7).
charts:
	@t/deps bench
	$(ENV) $(CARGO) build --release --workspace $(CARGOFLAGS)
	@BIN="$(BIN)" t/charts

lint:
	$(ENV) $(CARGO) fmt --all --check
	$(ENV) $(CARGO) clippy --workspace --all-targets $(CARGOFLAGS) -- -D warnings
	@t/deps -n lint
	@if mandoc -Tlint man/*.[1-8] 2>/dev/null | grep -v 'referenced manual not found'; \
		then exit 1; fi
	shellcheck -x $(SCRIPTS)

# What is there already of these files belongs to the administrator.
install:
	@test -x "$(BIN)/pproxy" || { echo 'nothing is built yet: run make first'; exit 1; }
	install -d "$(DESTDIR)$(SBINDIR)" "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(MODULEDIR)" \
		"$(DESTDIR)$(INCLUDEDIR)/popular" "$(DESTDIR)$(SHAREDIR)" "$(DESTDIR)$(RCDIR)" \
		"$(DESTDIR)$(CONFDIR)/capa"
	@set -e; for main in src/bin/*.rs; do \
		name=$$(basename "$$main" .rs); dir="$(BINDIR)"; \
		case " $(DAEMONS) " in *" $$name "*) dir="$(SBINDIR)" ;; esac; \
		echo "$$dir/$$name"; \
		install -m 755 "$(BIN)/$$name" "$(DESTDIR)$$dir/$$name"; done
	@set -e; for script in src/*.sh; do \
		name=$$(basename "$$script" .sh); echo "$(BINDIR)/$$name"; \
		install -m 755 "$$script" "$(DESTDIR)$(BINDIR)/$$name"; done
	@set -e; for module in "$(BIN)"/libpdm_*.so; do \
		echo "$(MODULEDIR)/$${module##*/}"; \
		install -m 644 "$$module" "$(DESTDIR)$(MODULEDIR)/"; done
	install -m 644 src/pdm/popular/pdm.h "$(DESTDIR)$(INCLUDEDIR)/popular/"
	@set -e; umask 022; for page in man/*.[1-8]; do \
		dir="$(MANDIR)/man$${page##*.}"; echo "$$dir/$${page##*/}"; \
		install -d "$(DESTDIR)$$dir"; \
		$(SED) "$$page" >"$(DESTDIR)$$dir/$${page##*/}"; done
	@set -e; umask 022; for name in $(DAEMONS); do \
		echo "$(RCDIR)/$$name"; \
		$(SED) "rc.d/$$name" >"$(DESTDIR)$(RCDIR)/$$name"; \
		chmod 755 "$(DESTDIR)$(RCDIR)/$$name"; done
	@set -e; umask 022; for name in $(CONFFILES); do \
		file="$(DESTDIR)$(CONFDIR)/$$name"; \
		if [ -e "$$file" ]; then echo "$(CONFDIR)/$$name is kept as it is"; \
		else echo "$(CONFDIR)/$$name"; $(SED) "etc/$$name" >"$$file"; fi; done
	@set -e; umask 022; for name in $(EXAMPLES); do \
		file="$(SHAREDIR)/examples/$$name"; echo "$$file"; \
		install -d "$(DESTDIR)$${file%/*}"; $(SED) "etc/$$name" >"$(DESTDIR)$$file"; done
	umask 022; $(SED) rc.d/popular.subr >"$(DESTDIR)$(SHAREDIR)/popular.subr"
	install -m 644 etc/grafana/popular.json "$(DESTDIR)$(SHAREDIR)/grafana.json"
	@set -e; umask 022; run="$(RUNDIR)"; \
		[ -n "$(UNITDIR)" ] && [ "$$(uname)" = Linux ] || exit 0; \
		case $$run in /run/*) run="RuntimeDirectory=$${run#/run/}" ;; \
		*) run="ReadWritePaths=-$$run" ;; esac; \
		for file in $(UNITS); do \
		dir="$(DESTDIR)$${file%/*}"; from=$${file##*/}; echo "$$file"; install -d "$$dir"; \
		case $$from in *.conf) from=$${dir##*/}; from="popular.$${from%.d}.conf" ;; esac; \
		$(SED) -e "s,^RuntimeDirectory=.*,$$run," "etc/systemd/$$from" >"$(DESTDIR)$$file"; done

# Start files that were edited stay, and say so.
uninstall:
	@for main in src/bin/*.rs src/*.sh; do name=$$(basename "$${main%.sh}" .rs); \
		rm -f "$(DESTDIR)$(SBINDIR)/$$name" "$(DESTDIR)$(BINDIR)/$$name"; done
	@for module in src/modules/*/Cargo.toml; do \
		name=$$(basename "$$(dirname "$$module")"); \
		rm -f "$(DESTDIR)$(MODULEDIR)/libpdm_$$name.so"; done
	rm -f "$(DESTDIR)$(INCLUDEDIR)/popular/pdm.h" "$(DESTDIR)$(SHAREDIR)/popular.subr" \
		"$(DESTDIR)$(SHAREDIR)/grafana.json"
	rm -rf "$(DESTDIR)$(SHAREDIR)/examples"
	@for page in man/*.[1-8]; do \
		rm -f "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}"; done
	@for name in $(DAEMONS); do rm -f "$(DESTDIR)$(RCDIR)/$$name"; done
	@for file in $(UNITS); do rm -f "$(DESTDIR)$$file"; done
	@for name in $(CONFFILES); do \
		file="$(DESTDIR)$(CONFDIR)/$$name"; \
		if [ ! -e "$$file" ]; then :; \
		elif $(SED) "etc/$$name" | cmp -s - "$$file"; then rm -f "$$file"; \
		else echo "$(CONFDIR)/$$name was edited: left where it is"; fi; done
	@for dir in "$(CONFDIR)/capa" "$(CONFDIR)" "$(MODULEDIR)" "$(INCLUDEDIR)/popular" "$(SHAREDIR)"; do \
		rmdir "$(DESTDIR)$$dir" 2>/dev/null || :; done
	@test -z "$(DESTDIR)" || find "$(DESTDIR)" -depth -type d -exec rmdir {} + 2>/dev/null || :

clean:
	$(ENV) $(CARGO) clean

# The tarball has all crates in it, so that it is built without a network.
dist:
	@set -e; version=$(VERSION); name="popular-$$version"; \
	work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	git archive --prefix="$$name/" HEAD | tar -xf - -C "$$work"; \
	mkdir -p "$$work/$$name/.cargo"; \
	(cd "$$work/$$name" && $(ENV) $(CARGO) vendor $(CARGOFLAGS) vendor \
		>.cargo/config.toml 2>"$$work/log") || { cat "$$work/log"; exit 1; }; \
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$$(git log -1 --format=%ct)" \
		-cf - -C "$$work" "$$name" | gzip -9n >"$$name.tar.gz"; \
	echo "$$name.tar.gz"

# Built anew, since programs know by heart where they are installed. The files of the package are
# in etc/debian.
deb:
	@t/deps -n deb
	@set -e; version=$(VERSION); target="$(TARGET)"; mkdir -p "$$target"; \
	deb="$$(cd "$$target" && pwd)/deb"; work="$$deb/popular-$$version"; \
	rm -rf "$$work"; mkdir -p "$$work"; \
	for file in $(SOURCES); do [ ! -e "$$file" ] || cp -Rp "$$file" "$$work/"; done; \
	mv "$$work/etc/debian" "$$work/debian"; cd "$$work"; \
	unset MAKEFLAGS MFLAGS MAKELEVEL; \
	export CARGO_TARGET_DIR="$$deb/target" CARGO_HOME="$${CARGO_HOME:-$$HOME/.cargo}" \
		RUSTUP_HOME="$${RUSTUP_HOME:-$$HOME/.rustup}" PATH="$$PATH:$$HOME/.cargo/bin"; \
	dpkg-buildpackage -b -us -uc -d >"$$deb/build.log" 2>&1 || { tail -n 20 "$$deb/build.log"; exit 1; }; \
	ls "$$deb"/popular_"$$version"_*.deb

.PHONY: all deps demo check check-slow bench benchparts charts lint install uninstall clean dist deb
