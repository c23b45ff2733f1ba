/* SPDX-License-Identifier: MIT */
/*
 * Messages for people.
 */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rpc/utf8.h"

void complain(const char *format, ...)
{
    va_list arguments;

    fputs("valve-cbor: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

const char *show_name(const char *name, char text[SHOWN_ROOM])
{
    valve_escape(name, strlen(name), text, SHOWN_ROOM);
    return text;
}
