#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make: rules run at the same time, by a jobserver's pipe also in makes that makes start; errors, and what is up to date.
mkdir -p /tmp/make/sub && cd /tmp/make || exit 1
cat >Makefile <<'X'
PARTS := $(shell seq 1 24)
OBJECTS := $(PARTS:%=out/%.o)
all: out/all sub check
out/all: $(OBJECTS) ; @cat $(sort $^) >$@; echo "linked $$(wc -l <$@)"
out/%.o: src/%.x | out ; @sleep 0.01; tr a-z A-Z <$< >$@
out: ; @mkdir -p $@
sub: ; +@$(MAKE) --no-print-directory -C sub
check: out/all ; @sort out/all | sha256sum | cut -c1-16
fail: ; @echo before; exit 3; echo after
a b c d: ; @sleep 0.05; echo $@ >>done
four: a b c d ; @sort done | tr '\n' ' '; echo
clean: ; rm -rf out
.PHONY: all sub check fail clean four a b c d
X
cat >sub/Makefile <<'X'
all: $(addprefix part,1 2 3 4 5 6) ; @echo $$(cat part*)
part%: ; @sleep 0.02; echo $* >$@
X
mkdir src; for i in $(seq 1 24); do echo "source $i" >"src/$i.x"; done
make -s -j4 2>&1 | sort
make -s -j4 out/all; echo "again: $?"; make -q out/all; echo "up to date: $?"
sleep 0.02; touch src/7.x; make -q out/all; echo "stale: $?"; make -n out/all | wc -l; make -s -j2 out/all
make -s four -j4
make -s fail; echo "$?"; make -s -k -j3 fail no-such-rule four 2>&1 | sort; make -s -i fail 2>&1
make --no-print-directory clean; ls
printf 'x:\n\t@echo by $(SHELL) $(MAKELEVEL)\n\t@printf "%%s\\n" "$${PPID:+has a parent}"\n' | make -s -f - SHELL=/bin/bash
printf 'loop: loop2\nloop2: loop\n' | make -f - 2>&1 | head -n 2
printf 'export V := exported\n.ONESHELL:\nx:\n\t@a=1\n\techo "$$a $$V"\n' | make -s -f -
printf 'x: ; @kill -TERM $$$$\n' >killed.mk; make -f killed.mk 2>&1; echo "$?"
