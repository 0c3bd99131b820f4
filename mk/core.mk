# Why this exists: the C core also builds alone, without Python: as a library for a switch's own daemon, with
# sanitizers, for the fuzzers and for another machine. All of these come from these few rules, each in a folder of
# its own, so that no two kinds of object ever mix.
#
#   make -f mk/core.mk O=build/lib [CC=...] [EXTRA=...] [MACHINE=aarch64] [C=csrc] lib | $(O)/core.a
#
# The flags are build.py's; tests/unit/test_build_native.py holds the two lists together.

C ?= csrc
O ?= build/lib
MACHINE ?= $(shell uname -m)
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
LD ?= ld
OBJCOPY ?= objcopy
CFLAGS := -std=gnu11 -O3 -fvisibility=hidden -fno-strict-aliasing -fstack-protector-strong
WARNINGS := -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wno-unused-parameter
EXTRA ?=
LDEXTRA ?=
SONAME := libpysec.so.0

# Files that bear another CPU's name are left out, as build.py does.
FOREIGN := $(if $(filter x86_64 amd64 AMD64,$(MACHINE)),,x86) $(if $(filter aarch64 arm64,$(MACHINE)),,arm64)
SOURCES := $(shell find $(C) -name '*.c' $(FOREIGN:%=! -name '%*') | LC_ALL=C sort)
OBJECTS := $(patsubst $(C)/%.c,$(O)/o/%.o,$(SOURCES))

# The command line is part of what an object depends on: other flags, other objects.
COMMAND := $(CC) $(CFLAGS) $(WARNINGS) $(EXTRA) -fPIC -pthread -I$(C)

.PHONY: lib
lib: $(O)/libpysec.a $(O)/libpysec.so $(patsubst $(C)/%,$(O)/%,$(wildcard $(C)/*.h))

$(O)/command: FORCE
	@mkdir -p $(O)
	@printf '%s\n' '$(COMMAND) | $(SOURCES)' | cmp -s - $@ || printf '%s\n' '$(COMMAND) | $(SOURCES)' > $@
FORCE:

$(O)/o/%.o: $(C)/%.c $(O)/command
	@mkdir -p $(@D)
	$(COMMAND) -MMD -MP -c -o $@ $<

# Every symbol between files is visible here: for the fuzzers and the sanitised module, which look inside.
$(O)/core.a: $(OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $(OBJECTS)

# For others: one object in which only what the headers in $(C) declare keeps its name, so that no name of ours can meet theirs.
$(O)/libpysec.a: $(OBJECTS)
	@rm -f $@
	$(LD) -r -o $(O)/libpysec.o $(OBJECTS)
	$(OBJCOPY) --localize-hidden $(O)/libpysec.o
	$(AR) rcs $@ $(O)/libpysec.o

$(O)/libpysec.so: $(OBJECTS)
	$(CC) -shared -pthread $(EXTRA) $(LDEXTRA) -Wl,-soname,$(SONAME) -Wl,-z,relro,-z,now -o $(O)/$(SONAME) $(OBJECTS)
	ln -sf $(SONAME) $@

$(O)/%.h: $(C)/%.h
	@mkdir -p $(O)
	cp $< $@

.SECONDARY:
-include $(OBJECTS:.o=.d)
