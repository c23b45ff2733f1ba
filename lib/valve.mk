# valve.mk - builds services that stand on libvalve. All that a Makefile needs:
#
#     include $(shell pkg-config --print-errors --variable=makefile valve)
#     all: hello_server hello_client
#
# Each NAME.cddl in the folder becomes NAME.h and NAME.c. A program is made of the C file of its name
# and the code of all schemas; what else it is made of is said as `hello_server: store.o`. CC,
# CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS mean what they always do. For GNU make.
# SPDX-License-Identifier: MIT
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g -Wall -Wextra

VALVE_CDDL := $(shell $(PKG_CONFIG) --variable=valve_cddl valve)
VALVE_CFLAGS := $(shell $(PKG_CONFIG) --cflags valve)
VALVE_LIBS := $(shell $(PKG_CONFIG) --libs valve)
ifeq ($(and $(VALVE_CDDL),$(VALVE_CFLAGS),$(VALVE_LIBS)),)
$(error $(PKG_CONFIG) does not tell how to build with valve)
endif

# A library that the linker has to be told of is one that the program has to be told of, too.
valve_comma := ,
VALVE_RUNPATH := $(patsubst -L%,-Wl$(valve_comma)-rpath$(valve_comma)%,$(filter -L%,$(VALVE_LIBS)))

valve_schemas := $(wildcard *.cddl)
valve_headers := $(valve_schemas:.cddl=.h)
valve_sources := $(valve_schemas:.cddl=.c)
valve_objects := $(valve_schemas:.cddl=.o)

# What was made from C has its dependencies beside it, as NAME.dep.
valve_dependencies := $(wildcard *.dep)
valve_made := $(valve_dependencies:.dep=)
valve_compile = $(CC) $(VALVE_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $@.dep -MT $@

# In place of the built-in rule, which knows of no schemas.
%: %.c
%: %.c $(valve_objects) | $(valve_headers)
	$(valve_compile) $(LDFLAGS) $(VALVE_RUNPATH) -o $@ $(filter %.c %.o %.a,$^) $(VALVE_LIBS) $(LDLIBS)

%.o: %.c | $(valve_headers)
	$(valve_compile) -c -o $@ $<

# Both at once: a pattern with two targets. A new valve-cddl makes them anew.
%.c %.h: %.cddl $(VALVE_CDDL)
	$(VALVE_CDDL) -o . $<

-include $(valve_dependencies)

clean::
	$(RM) $(valve_made) $(valve_dependencies) $(valve_headers) $(valve_sources)

.PHONY: all clean
.SECONDARY: $(valve_headers) $(valve_sources) $(valve_objects)
.DELETE_ON_ERROR:

# The first target is that of the Makefile, not one from here.
.DEFAULT_GOAL :=
