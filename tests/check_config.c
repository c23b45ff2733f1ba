/* SPDX-License-Identifier: MIT */
/*
 * Reading valve.ini: what is accepted, and what is refused and where.
 */
#include "config_fixture.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* ---- good files ---- */

START_TEST(defaults_are_those_of_the_manual)
{
    load_good(LISTEN);
    ck_assert(config.origins[CONFIG_WORKERS].automatic);
    ck_assert(config.origins[CONFIG_MAX_CONNECTIONS].automatic);
    ck_assert(config.origins[CONFIG_IO_THREADS].automatic);
    ck_assert(config.origins[CONFIG_CACHE].automatic);
    ck_assert(config.pin);
    ck_assert_uint_eq(config.max_descriptors, 1048576);
    ck_assert_uint_eq(config.max_fibers, 4096);
    ck_assert_uint_eq(config.fiber_stack, 65536);
    ck_assert_str_eq(config.root, root);
    ck_assert_uint_eq(config.hide.count, 0);
    ck_assert(!config.symlinks);
    ck_assert(!config.one_filesystem);
    ck_assert_uint_eq(config.max_request, 8192);
    ck_assert_uint_eq(config.max_in_flight, 64);
    ck_assert_uint_eq(config.request_timeout, 10000);
    ck_assert_uint_eq(config.idle_timeout, 300000);
    ck_assert_uint_eq(config.send_timeout, 30000);
    ck_assert_uint_eq(config.io_timeout, 30000);
    ck_assert_uint_eq(config.drain_timeout, 10000);
    ck_assert_int_eq(config.log_level, LOG_INFO);
    ck_assert_uint_eq(config.listener_count, 1);
    ck_assert_str_eq(config.listeners[0].name.text, "a");
    ck_assert_str_eq(config.listeners[0].address.text, "unix:/tmp/a.sock");
    ck_assert_uint_eq(config.listeners[0].allow, CONFIG_ALLOW_ALL);
    ck_assert_uint_eq(config.listeners[0].mode, 0660);
    ck_assert_ptr_null(config.listeners[0].group.name);
    ck_assert_uint_eq(config.listeners[0].group.id, (gid_t)-1);
}
END_TEST

/* The default root is checked like any other; on most machines it is not there. */
START_TEST(default_root_is_checked)
{
    struct stat status;

    options.root = NULL;
    if (stat("/srv/valve", &status) == 0) {
        load_good(LISTEN);
        ck_assert_str_eq(config.root, "/srv/valve");
    } else {
        check_bad(LISTEN, 0, "root: /srv/valve: ");
    }
}
END_TEST

START_TEST(every_key_is_read)
{
    struct group *group = getgrgid(getgid());
    char text[1024];

    ck_assert_ptr_nonnull(group);
    snprintf(text, sizeof text,
             "[server]\nworkers = 3\npin = no\nmax_descriptors = 4096\nmax_connections = 100\n"
             "max_files = 50\nio_threads = 7\nmax_fibers = 128\nfiber_stack = 1M\n"
             "[files]\nhide = .* *.part\t~*\nsymlinks = yes\none_filesystem = yes\ncache = 0\n"
             "[limits]\nmax_request = 1000\nmax_in_flight = 9\nrequest_timeout = 250ms\n"
             "idle_timeout = 2h\nsend_timeout = 7\nio_timeout = 90s\ndrain_timeout = 1min\n"
             "[log]\nlevel = debug\n[metrics]\naddress = 0.0.0.0:8259\ninsecure = yes\n"
             "[listen a.b-c_9]\naddress = unix:/tmp/a.sock\nmode = 600\ngroup = %s\n"
             "allow = get,size  list\n"
             "[listen tcp]\naddress = [::1]:8258\ntls_cert =\ntls_key=\ntls_client_ca =\n"
             "[listen lan]\ninsecure = yes\naddress = 0.0.0.0:8258\n",
             group->gr_name);
    load_good(text);
    ck_assert_uint_eq(config.workers, 3);
    ck_assert(!config.pin);
    ck_assert_uint_eq(config.max_descriptors, 4096);
    ck_assert_uint_eq(config.max_connections, 100);
    ck_assert_uint_eq(config.max_files, 50);
    ck_assert_uint_eq(config.io_threads, 7);
    ck_assert_uint_eq(config.max_fibers, 128);
    ck_assert_uint_eq(config.fiber_stack, 1048576);
    ck_assert_uint_eq(config.hide.count, 3);
    ck_assert_str_eq(config.hide.words[0], ".*");
    ck_assert_str_eq(config.hide.words[1], "*.part");
    ck_assert_str_eq(config.hide.words[2], "~*");
    ck_assert_ptr_null(config.hide.words[3]);
    ck_assert(config.symlinks);
    ck_assert(config.one_filesystem);
    ck_assert(!config.origins[CONFIG_CACHE].automatic);
    ck_assert_uint_eq(config.cache, 0);
    ck_assert_uint_eq(config.max_request, 1000);
    ck_assert_uint_eq(config.max_in_flight, 9);
    ck_assert_uint_eq(config.request_timeout, 250);
    ck_assert_uint_eq(config.idle_timeout, 7200000);
    ck_assert_uint_eq(config.send_timeout, 7000);
    ck_assert_uint_eq(config.io_timeout, 90000);
    ck_assert_uint_eq(config.drain_timeout, 60000);
    ck_assert_int_eq(config.log_level, LOG_DEBUG);
    ck_assert_str_eq(config.metrics_address.text, "0.0.0.0:8259");
    ck_assert(config.metrics_insecure);
    ck_assert_uint_eq(config.listener_count, 3);
    ck_assert_str_eq(config.listeners[0].name.text, "a.b-c_9");
    ck_assert_uint_eq(config.listeners[0].mode, 0600);
    ck_assert_uint_eq(config.listeners[0].group.id, group->gr_gid);
    ck_assert_uint_eq(config.listeners[0].allow,
                      CONFIG_ALLOW_GET | CONFIG_ALLOW_SIZE | CONFIG_ALLOW_LIST);
    ck_assert_uint_eq(config.listeners[1].allow, CONFIG_ALLOW_ALL & ~(unsigned)CONFIG_ALLOW_DEL);
    ck_assert(config.listeners[2].insecure);
    ck_assert_uint_eq(config.origins[CONFIG_HIDE].line, 11);
    ck_assert_int_eq(config.origins[CONFIG_HIDE].source, CONFIG_FROM_FILE);
    ck_assert_int_eq(config.origins[CONFIG_ROOT].source, CONFIG_FROM_COMMAND_LINE);
}
END_TEST

START_TEST(rules_are_read)
{
    const struct config_peer *peers;

    load_good(LISTEN "[access all]\npeer = any\nallow = list\n"
                     "[access some]\npath = a/b c\nallow = del,get\n"
                     "peer = user:root\tuid:7-9 uid:5 group:root group:77 address:10.0.0.0/8\n");
    ck_assert_uint_eq(config.rule_count, 2);
    ck_assert_str_eq(config.rules[0].name.text, "all");
    ck_assert_uint_eq(config.rules[0].name.line, 3);
    ck_assert_uint_eq(config.rules[0].allow, CONFIG_ALLOW_LIST);
    ck_assert_str_eq(config.rules[0].path, "");
    ck_assert_uint_eq(config.rules[0].peers.count, 1);
    ck_assert_int_eq(config.rules[0].peers.list[0].kind, CONFIG_PEER_ANY);
    ck_assert_uint_eq(config.rules[1].allow, CONFIG_ALLOW_DEL | CONFIG_ALLOW_GET);
    ck_assert_str_eq(config.rules[1].path, "a/b c");
    ck_assert_uint_eq(config.rules[1].peers.count, 6);
    peers = config.rules[1].peers.list;
    ck_assert_int_eq(peers[0].kind, CONFIG_PEER_USER);
    ck_assert_uint_eq(peers[0].first + peers[0].last, 0);
    ck_assert_uint_eq(peers[1].first, 7);
    ck_assert_uint_eq(peers[1].last, 9);
    ck_assert_uint_eq(peers[2].first, 5);
    ck_assert_uint_eq(peers[2].last, 5);
    ck_assert_int_eq(peers[3].kind, CONFIG_PEER_GROUP);
    ck_assert_uint_eq(peers[3].first, 0);
    ck_assert_uint_eq(peers[4].first, 77);
    ck_assert_int_eq(peers[5].kind, CONFIG_PEER_ADDRESS);
    ck_assert_uint_eq(peers[5].network.bits, 8);
}
END_TEST

START_TEST(line_ends_comments_and_blanks_are_free)
{
    load_good("\xef\xbb\xbf; a byte order mark\r\n"
              "\r\n"
              "[server] ; comment\r\n"
              "   # an indented comment\r\n"
              "workers=2\r\n"
              "pin\t=\tno ; and\tanother\r\n"
              "[files]\t\r\n"
              "hide = a;b ;c\r\n"
              "[listen   a]\r\n"
              "address: unix:/tmp/a.sock");
    ck_assert_uint_eq(config.workers, 2);
    ck_assert(!config.pin);
    ck_assert_uint_eq(config.hide.count, 1);
    ck_assert_str_eq(config.hide.words[0], "a;b");
    ck_assert_str_eq(config.listeners[0].address.text, "unix:/tmp/a.sock");
    ck_assert_uint_eq(config.origins[CONFIG_PIN].line, 6);
}
END_TEST

/* Every length at which inih's buffer grows or ends, and the longest line there is. */
START_TEST(long_lines_are_read_whole)
{
    static char text[CONFIG_LINE_MAX + 128];
    size_t lengths[] = {190,
                        196,
                        197,
                        198,
                        199,
                        200,
                        201,
                        202,
                        396,
                        397,
                        398,
                        399,
                        400,
                        401,
                        402,
                        799,
                        1599,
                        3199,
                        3200,
                        4095,
                        CONFIG_LINE_MAX - 1,
                        CONFIG_LINE_MAX};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t used = (size_t)snprintf(text, sizeof text, "[files]\nhide = ");
        size_t word = lengths[i] - strlen("hide = ");

        memset(text + used, 'x', word);
        snprintf(text + used + word, sizeof text - used - word, "\r\n" LISTEN);
        if (LONGEST_LINE < CONFIG_LINE_MAX && load_text(text) < 0) {
            check_error(0, 2, "bytes is too long: the inih library here takes");
            continue;
        }
        load_good(text);
        ck_assert_uint_eq(config.hide.count, 1);
        ck_assert_uint_eq(strlen(config.hide.words[0]), word);
        ck_assert_uint_eq(config.listeners[0].name.line, 3);
    }
}
END_TEST

START_TEST(group_of_nothing_is_the_process_s_own)
{
    load_good(LISTEN "group =\n");
    ck_assert_ptr_null(config.listeners[0].group.name);
    ck_assert_uint_eq(config.listeners[0].group.id, (gid_t)-1);
}
END_TEST

/* ---- bad files: each row has one error ---- */

#define RULE "[access r]\npeer = any\nallow = get\n"

static const struct {
    const char *text;
    unsigned line;
    const char *words;
} bad_files[] = {
    /* what is no key, section or comment */
    {"[server]\nworker = 2\n" LISTEN, 2, "unknown key 'worker' in [server]"},
    {"[server]\nroot = /\n" LISTEN, 2, "unknown key 'root' in [server]; it belongs in [files]"},
    {"[log]\nmode = 1\n" LISTEN, 2, "it belongs in [listen NAME]"},
    {"[server]\naddress = [::1]:1\n" LISTEN, 2, "it belongs in [listen NAME]"},
    {LISTEN "level = info\n", 3, "unknown key 'level' in [listen]; it belongs in [log]"},
    {"[server]\nWorkers = 2\n" LISTEN, 2, "unknown key 'Workers'"},
    {"[server]\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 2\n" LISTEN, 2,
     "unknown key 'aaaaaaaa"},
    {"workers = 2\n" LISTEN, 1, "key 'workers' stands before the first section"},
    {"[server]\n= 2\n" LISTEN, 2, "a value without a key"},
    {"[server]\nworkers\n" LISTEN, 2, "neither KEY = VALUE nor a [section] nor a comment"},
    {"[server]\nworkers ; = 2\n" LISTEN, 2, "neither KEY = VALUE"},
    {LISTEN "mode", 3, "neither KEY = VALUE"},
    {"[server]\nworkers = 2\n pin = no\n" LISTEN, 3, "an indented line"},
    {"[files]\nhide = a\n\tb\n" LISTEN, 3, "an indented line"},
    {" [server]\n" LISTEN, 1, "an indented line"},
    {LISTEN "\t[log]\nlevel = nonsense\n", 3, "an indented line"},

    /* sections */
    {"[servers]\n" LISTEN, 1, "unknown section [servers]"},
    {"[servers]\nanything = 1\n" LISTEN, 1, "unknown section [servers]"},
    {LISTEN "[cache]", 3, "unknown section [cache]"},
    {"[]\n" LISTEN, 1, "unknown section []"},
    {"[ server]\n" LISTEN, 1, "unknown section [ server]"},
    {"[server x]\n" LISTEN, 1, "unknown section [server x]"},
    {"[server\nworkers = 0\n" LISTEN, 1, "malformed section header: no ']'"},
    {"[server ;]\n" LISTEN, 1, "malformed section header: no ']'"},
    {"[server] workers = 2\n" LISTEN, 1, "malformed section header: text after ']'"},
    {"[server]]\n" LISTEN, 1, "malformed section header: text after ']'"},
    {"[server]\n[log]\n[server]\n" LISTEN, 3, "[server] is repeated; the first is on line 1"},
    {LISTEN "[listen a]\n", 3, "[listen a] is repeated; the first is on line 1"},
    {LISTEN "[listen]\naddress = nonsense\n", 3, "[listen NAME] needs a name of 1 to 32 letters"},
    {LISTEN "[listen b c]\n", 3, "[listen NAME] needs a name of 1 to 32 letters"},
    {LISTEN "[listen b/c]\n", 3, "[listen NAME] needs a name of 1 to 32 letters"},
    {LISTEN "[listen aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\n", 3, "1 to 32 letters"},

    /* keys that stand twice */
    {"[server]\nworkers = 2\nworkers = 2\n" LISTEN, 3,
     "workers is repeated; the first is on line 2"},
    {LISTEN "mode = 0600\nmode = 0600\n", 4, "mode is repeated; the first is on line 3"},
    {LISTEN "address = unix:/tmp/b.sock\n", 3, "address is repeated; the first is on line 2"},

    /* numbers */
    {"[server]\nworkers = \n" LISTEN, 2, "workers: '' is not a number, nor auto"},
    {"[server]\nworkers = two\n" LISTEN, 2, "workers: 'two' is not a number, nor auto"},
    {"[server]\nworkers = Auto\n" LISTEN, 2, "workers: 'Auto' is not a number, nor auto"},
    {"[server]\nworkers = 0\n" LISTEN, 2, "workers: 0 is out of range: from 1 to 1024, or auto"},
    {"[server]\nworkers = 1025\n" LISTEN, 2, "1025 is out of range: from 1 to 1024"},
    {"[server]\nworkers = -1\n" LISTEN, 2, "'-1' is not a number"},
    {"[server]\nworkers = +1\n" LISTEN, 2, "'+1' is not a number"},
    {"[server]\nworkers = 0x10\n" LISTEN, 2, "'0x10' is not a number: digits only"},
    {"[server]\nworkers = 1.5\n" LISTEN, 2, "'1.5' is not a number: digits only"},
    {"[server]\nworkers = 2 2\n" LISTEN, 2, "'2 2' is not a number: digits only"},
    {"[server]\nworkers = 18446744073709551617\n" LISTEN, 2, "out of range"},
    {"[server]\nworkers = 18446744073709551615\n" LISTEN, 2, "out of range"},
    {"[server]\nmax_fibers = auto\n" LISTEN, 2, "max_fibers: 'auto' is not a number"},
    {"[server]\nmax_descriptors = 1K\n" LISTEN, 2, "max_descriptors: '1K' is not a number"},
    {"[server]\nmax_descriptors = 511\n" LISTEN, 2, "from 512 to 16777216"},
    {"[server]\nmax_connections = 0\n" LISTEN, 2, "from 1 to 16777216, or auto"},
    {"[server]\nio_threads = 1\n" LISTEN, 2, "from 2 to 4096, or auto"},
    {"[server]\nmax_files = 3\n" LISTEN, 2, "from 4 to 16777216, or auto"},
    {"[server]\nmax_fibers = 15\n" LISTEN, 2, "from 16 to 1048576"},
    {"[files]\ncache = 1048577\n" LISTEN, 2, "from 0 to 1048576, or auto"},
    {"[limits]\nmax_in_flight = 0\n" LISTEN, 2, "from 1 to 65535"},

    /* sizes */
    {"[server]\nfiber_stack = 15K\n" LISTEN, 2,
     "fiber_stack: 15K is out of range: from 16K to 16M"},
    {"[server]\nfiber_stack = 99999999999G\n" LISTEN, 2, "99999999999G is out of range"},
    {"[server]\nfiber_stack = 17179869185G\n" LISTEN, 2, "17179869185G is out of range"},
    {"[server]\nfiber_stack = 64k\n" LISTEN, 2, "unknown unit 'k': there are K, M and G"},
    {"[server]\nfiber_stack = 64 K\n" LISTEN, 2, "unknown unit ' K'"},
    {"[server]\nfiber_stack = 64KB\n" LISTEN, 2, "unknown unit 'KB'"},
    {"[limits]\nmax_request = 8s\n" LISTEN, 2, "unknown unit 's'"},
    {"[limits]\nmax_request = 255\n" LISTEN, 2, "255 is out of range: from 256 to 16M"},
    {"[limits]\nmax_request = K\n" LISTEN, 2, "'K' is not a number"},

    /* durations */
    {"[limits]\nidle_timeout = 5m\n" LISTEN, 2, "unknown unit 'm': there are ms, s, min and h"},
    {"[limits]\nidle_timeout = 5 min\n" LISTEN, 2, "unknown unit ' min'"},
    {"[limits]\nidle_timeout = 577h\n" LISTEN, 2, "577h is out of range: from 1ms to 576h"},
    {"[limits]\nio_timeout = 0\n" LISTEN, 2, "io_timeout: 0 is out of range: from 1ms to 24h"},
    {"[limits]\nio_timeout = 18446744073709551614\n" LISTEN, 2, "out of range"},
    {"[limits]\nio_timeout = 5124095576030431h\n" LISTEN, 2, "out of range"},
    {"[limits]\nsend_timeout = 10M\n" LISTEN, 2, "unknown unit 'M'"},

    /* words */
    {"[server]\npin = true\n" LISTEN, 2, "pin: 'true' is neither yes nor no"},
    {"[server]\npin =\n" LISTEN, 2, "pin: '' is neither yes nor no"},
    {"[log]\nlevel = loud\n" LISTEN, 2, "level: 'loud' is no level: there are error, warning"},
    {"[files]\nhide = .* a/b\n" LISTEN, 2, "hide: 'a/b' holds a '/'"},
    {"[files]\nhide =;a\n" LISTEN, 2, "hide: control characters, a ';' that begins a word"},
    {"[files]\nhide = a\\\n" LISTEN, 2, "hide: 'a\\' ends in a backslash"},
    {"[files]\nroot =\n" LISTEN, 2, "root: the path is missing"},
    {"[files]\nroot = srv\n" LISTEN, 2, "root: 'srv' is not an absolute path"},

    /* metrics */
    {"[metrics]\naddress = localhost\n" LISTEN, 2, "address: 'localhost': "},
    {"[metrics]\naddress = 192.0.2.1:9\n" LISTEN, 2,
     "address: 192.0.2.1:9 can be reached from other machines; 'insecure = yes'"},
    {"[metrics]\naddress = unix:/tmp/a.sock\n" LISTEN, 2,
     "address: unix:/tmp/a.sock is the address of [listen a] too"},
    {"[metrics]\ninsecure = maybe\n" LISTEN, 2, "insecure: 'maybe' is neither yes nor no"},

    /* TLS */
    {LISTEN "[listen b]\naddress = [::1]:1\ntls_cert = /a\n", 5,
     "tls_cert: a certificate needs its tls_key"},
    {LISTEN "[listen b]\naddress = [::1]:1\ntls_key = /a\n", 5,
     "tls_key: means nothing without a tls_cert"},
    {LISTEN "[listen b]\naddress = [::1]:1\ntls_client_ca = /a\n", 5,
     "tls_client_ca: means nothing without a tls_cert"},
    {LISTEN "[listen b]\naddress = [::1]:1\ntls_1_2 = yes\n", 5,
     "tls_1_2: means nothing without a tls_cert"},
    {LISTEN "[listen b]\naddress = [::1]:1\ntls_cert = a.pem\n", 5, "is not an absolute path"},
    {LISTEN "[listen b]\naddress = [::1]:1\ntls_cert = credential:\n", 5,
     "'credential:' is no name of a credential"},
    {LISTEN "[listen b]\naddress = [::1]:1\ntls_cert = credential:a/b\n", 5,
     "'credential:a/b' is no name of a credential"},
    {"[listen b]\naddress = 192.0.2.1:1\ntls_cert = /a\ntls_key = /b\n", 2,
     "can be reached from other machines: a [listen NAME] section for it has tls_cert"},

    /* listeners */
    {"[log]\n", 0, "valve.ini: there is no listener: add a section [listen NAME]"},
    {"", 0, "there is no listener"},
    {LISTEN "[listen b]\n", 3, "[listen b] has no address"},
    {"[listen b]\naddress =\n", 2, "address: the address is missing"},
    {"[listen b]\naddress = localhost:1\n", 2, "address: 'localhost:1': the host is a numeric"},
    {"[listen b]\naddress = 127.0.0.1:65536\n", 2, "the port is a number"},
    {"[listen b]\naddress = unix:tmp\n", 2, "after unix: comes an absolute path"},
    {"[listen b]\naddress = 0.0.0.0:8258\n", 2, "address: 0.0.0.0:8258 can be reached"},
    {"[listen b]\naddress = [::]:8258\ninsecure = no\n", 2, "'insecure = yes'"},
    {LISTEN "[listen b]\naddress = unix:/tmp/a.sock\n", 4,
     "unix:/tmp/a.sock is the address of [listen a]"},
    {"[listen b]\naddress = [::1]:5\n[listen c]\naddress = [0:0::1]:5\n", 4, "of [listen b] too"},
    {"[listen b]\naddress = [::1]:5\nmode = 0660\n", 3, "mode: is for Unix sockets"},
    {"[listen b]\naddress = [::1]:5\ngroup = root\n", 3, "group: is for Unix sockets"},
    {"[listen b]\nmode = 0660\naddress = unix:@b\n", 2, "mode: is for Unix sockets in the file"},
    {LISTEN "insecure = yes\n", 3, "insecure: is for TCP"},
    {LISTEN "mode = 0888\n", 3, "mode: '0888' is not an octal mode from 0000 to 0777"},
    {LISTEN "mode = 1777\n", 3, "mode: '1777' is not an octal mode"},
    {LISTEN "mode = 00660\n", 3, "mode: '00660' is not an octal mode"},
    {LISTEN "mode =\n", 3, "mode: '' is not an octal mode"},
    {LISTEN "group = no-such-group-here\n", 3, "group: there is no group 'no-such-group-here'"},
    {LISTEN "allow = list put\n", 3, "allow: 'put' is no operation: there are list, size"},
    {LISTEN "allow =\n", 3, "allow: no operation is named"},
    {LISTEN "allow = ,\n", 3, "allow: no operation is named"},

    /* access */
    {LISTEN "[access]\npeer = nonsense\n", 3, "[access NAME] needs a name of 1 to 32 letters"},
    {LISTEN RULE "[access r]\n", 6, "[access r] is repeated; the first is on line 3"},
    {LISTEN "[access r]\nallow = get\n", 3, "[access r] has no peer"},
    {LISTEN "[access r]\npeer = any\n", 3, "[access r] has no allow"},
    {LISTEN RULE "peer = any\n", 6, "peer is repeated; the first is on line 4"},
    {LISTEN RULE "mode = 0600\n", 6, "unknown key 'mode' in [access]; it belongs in [listen NAME]"},
    {"[files]\npeer = any\n" LISTEN, 2,
     "unknown key 'peer' in [files]; it belongs in [access NAME]"},
    {LISTEN "[access r]\nallow = get\npeer =\n", 5, "peer: nobody is named; any is everybody"},
    {LISTEN "[access r]\nallow = get\npeer = me\n", 5, "peer: 'me' is nobody: there are any, user"},
    {LISTEN "[access r]\nallow = get\npeer = anyone\n", 5, "peer: 'any' stands alone"},
    {LISTEN "[access r]\nallow = get\npeer = any user:no-such-user\n", 5,
     "peer: there is no user 'no-such-user'"},
    {LISTEN "[access r]\nallow = get\npeer = user:\n", 5, "peer: there is no user ''"},
    {LISTEN "[access r]\nallow = get\npeer = group:no-such-group\n", 5,
     "peer: there is no group 'no-such-group'"},
    {LISTEN "[access r]\nallow = get\npeer = uid:4294967295\n", 5,
     "is neither uid:N nor uid:FIRST"},
    {LISTEN "[access r]\nallow = get\npeer = uid:5-4\n", 5, "'uid:5-4' is neither"},
    {LISTEN "[access r]\nallow = get\npeer = uid:-4\n", 5, "'uid:-4' is neither"},
    {LISTEN "[access r]\nallow = get\npeer = uid:5-\n", 5, "'uid:5-' is neither"},
    {LISTEN "[access r]\nallow = get\npeer = uid:1000x\n", 5, "'uid:1000x' is neither"},
    {LISTEN "[access r]\nallow = get\npeer = address:localhost\n", 5,
     "'address:localhost': a network is an address in digits"},
    {LISTEN "[access r]\nallow = get\npeer = address:10.0.0.1/8\n", 5,
     "'address:10.0.0.1/8': the address has bits set behind those that count"},
    {LISTEN "[access r]\nallow = get\npeer = address:10.0.0.0/33\n", 5, "how many bits count"},
    {LISTEN "[access r]\nallow = get\npeer = cn:\n", 5, "cn: and san: need a name"},
    {LISTEN "[access r]\nallow = get put\npeer = any\n", 4, "allow: 'put' is no operation"},
    {LISTEN RULE "path = /a\n", 6,
     "path: '/a' is no path from the root on: it has a leading slash"},
    {LISTEN RULE "path = a/\n", 6, "it has a trailing slash"},
    {LISTEN RULE "path = a/../b\n", 6, "it has a component \"..\""},
    {"[files]\nsymlinks = yes\n" LISTEN RULE "path = a\n", 8,
     "path: with 'symlinks = yes' a link would lead out of a: a rule can be for all files only"},

    /* bytes */
    {"[server]\nworkers = \x1b[2J\n" LISTEN, 2, "control character 0x1b in column 11"},
    {"# \x7f\n" LISTEN, 1, "control character 0x7f in column 3"},
    {"[server]\rworkers = 2\n" LISTEN, 1, "control character 0x0d in column 9"},
    {"[server]\nworkers = 2\r\r\n" LISTEN, 2, "control character 0x0d in column 12"},
};

START_TEST(each_bad_file_is_refused_at_its_line)
{
    check_bad(bad_files[_i].text, bad_files[_i].line, bad_files[_i].words);
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
    static const char text[] = "[server]\nworkers = 2\0 4\n" LISTEN;

    write_bytes(text, sizeof text - 1);
    ck_assert_int_eq(config_load(&options, &config, &errors), -EINVAL);
    ck_assert_uint_eq(errors.count, 1);
    check_error(0, 2, "control character 0x00 in column 12");
}
END_TEST

/* A key and a comment of 5,000 bytes: their tails are not read as keys, what follows is. */
START_TEST(lines_of_5000_bytes_are_refused)
{
    static const char *const starts[] = {"hide = ", "; ", "#"};
    static char text[8192];

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t used = (size_t)snprintf(text, sizeof text, LISTEN "[files]\n%s", starts[i]);
        size_t fill = 5000 - strlen(starts[i]);

        for (size_t j = 0; j < fill; j++)
            text[used + j] = "workers = 9 "[j % 12];
        snprintf(text + used + fill, sizeof text - used - fill, "\nsymlinks = maybe\n");
        ck_assert_int_eq(load_text(text), -EINVAL);
        ck_assert_uint_eq(errors.count, 2);
        check_error(0, 4, "a line of 5000 bytes is too long: the most is 4352");
        check_error(1, 5, "symlinks: 'maybe'");
    }
}
END_TEST

/* What stands below a header that cannot be read does not fall to the section before. */
START_TEST(a_header_of_5000_bytes_is_refused)
{
    static char text[8192];
    size_t used = (size_t)snprintf(text, sizeof text, LISTEN "[listen ");

    memset(text + used, 'x', 5000 - strlen("[listen ]"));
    snprintf(text + used + 5000 - strlen("[listen ]"), 64, "]\naddress = unix:/tmp/b.sock\n");
    check_bad(text, 3, "a line of 5000 bytes is too long");
}
END_TEST

START_TEST(one_byte_over_the_limit_is_refused)
{
    static char text[CONFIG_LINE_MAX + 64];

    memset(text, '#', CONFIG_LINE_MAX + 1);
    snprintf(text + CONFIG_LINE_MAX + 1, sizeof text - CONFIG_LINE_MAX - 1, "\r\n" LISTEN);
    check_bad(text, 1, "a line of 4353 bytes is too long");
}
END_TEST

START_TEST(endless_files_are_given_up)
{
    options.config_path = "/dev/zero";
    ck_assert_int_eq(config_load(&options, &config, &errors), -EINVAL);
    ck_assert_uint_eq(errors.count, 2);
    ck_assert_ptr_nonnull(strstr(errors.list[0].text, "the file is longer than 1048576 bytes"));
    ck_assert_ptr_nonnull(strstr(errors.list[1].text, "there is no listener"));
}
END_TEST

START_TEST(all_errors_come_in_one_run_by_line)
{
    ck_assert_int_eq(load_text("workers = 1\n"               /* 1 */
                               "[server]\n"                  /* 2 */
                               "workers = 9999\n"            /* 3 */
                               "wrokers = 2\n"               /* 4 */
                               "[files]\n"                   /* 5 */
                               "root = /nonexistent/place\n" /* 6 */
                               "[listen lan]\n"              /* 7 */
                               "address = 0.0.0.0:1\n"       /* 8 */
                               "mode = 0600\n"               /* 9 */
                               "[nothing]\n"                 /* 10 */
                               "[limits\n"                   /* 11 */
                               "max_request = 1\n"           /* 12 */
                               "[server]\n"                  /* 13 */
                               "pin = 2\n"                   /* 14 */
                               "[listen lan]\n"              /* 15 */
                               "allow = all\n"               /* 16 */
                               "[listen more]\n"             /* 17 */
                               "nothing\n"),                 /* 18 */
                     -EINVAL);
    check_error(0, 1, "before the first section");
    check_error(1, 3, "workers: 9999 is out of range");
    check_error(2, 4, "unknown key 'wrokers'");
    check_error(3, 8, "can be reached");
    check_error(4, 9, "mode: is for Unix sockets");
    check_error(5, 10, "unknown section [nothing]");
    check_error(6, 11, "malformed section header");
    check_error(7, 13, "[server] is repeated");
    check_error(8, 14, "pin: '2'");
    check_error(9, 15, "[listen lan] is repeated");
    check_error(10, 16, "allow: 'all' is no operation");
    check_error(11, 17, "[listen more] has no address");
    check_error(12, 18, "neither KEY = VALUE");
    ck_assert_uint_eq(errors.count, 13);
}
END_TEST

/* ---- files that cannot be read ---- */

START_TEST(a_missing_file_is_an_error)
{
    options.config_path = "/nonexistent/valve.ini";
    ck_assert_int_eq(config_load(&options, &config, &errors), -EINVAL);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.list[0].text, "/nonexistent/valve.ini: No such file or directory");
}
END_TEST

START_TEST(a_directory_is_no_file)
{
    options.config_path = directory;
    ck_assert_int_eq(config_load(&options, &config, &errors), -EINVAL);
    ck_assert_ptr_nonnull(strstr(errors.list[0].text, ": Is a directory"));
}
END_TEST

/* ---- whatever it is given, it says where it is wrong, or writes what reads back ---- */

static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);

static size_t random_below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % limit);
}

static const char seed_text[] =
    "[server] ; comment\nworkers = 2\npin = yes\nmax_descriptors = 4096\nfiber_stack = 64K\n"
    "[files]\nhide = .* *.part\ncache = auto\nsymlinks = no\n"
    "[limits]\nidle_timeout = 5min\nio_timeout = 100ms\nmax_request = 8K\n# words\n"
    "[log]\nlevel = info\n[metrics]\naddress =\n"
    "[listen a]\naddress = unix:/tmp/a.sock\nmode = 0660\nallow = list get\ngroup =\n"
    "[listen b]\naddress = 127.0.0.1:8258\ninsecure = no\n";

/* Changes some bytes, takes some away, or repeats some. */
static size_t mutate(char *text, size_t length, size_t room)
{
    static const char bytes[] = "[]=:;#\n\r \t\0\\/,09KGhms-\xff";

    for (size_t changes = 1 + random_below(6); changes > 0; changes--) {
        size_t at = random_below(length);
        size_t span = 1 + random_below(length - at < 24 ? length - at : 24);

        switch (random_below(4)) {
        case 0:
            text[at] = bytes[random_below(sizeof bytes)];
            break;
        case 1:
            text[at] = (char)random_below(256);
            break;
        case 2:
            memmove(text + at, text + at + span, length - at - span);
            length -= length > span ? span : 0;
            break;
        default:
            if (length + span > room)
                break;
            memmove(text + at + span, text + at, length - at);
            length += span;
            break;
        }
    }
    return length;
}

START_TEST(mutated_files_never_surprise)
{
    char text[2048];
    size_t accepted = 0;

    for (unsigned round = 0; round < 1500; round++) {
        size_t length = sizeof seed_text - 1;
        int r;

        memcpy(text, seed_text, length);
        length = mutate(text, length, sizeof text);
        forget();
        write_bytes(text, length);
        options = (struct options){.config_path = path, .root = root};
        r = config_load(&options, &config, &errors);
        if (r == 0) {
            accepted++;
            check_round_trip();
            continue;
        }
        ck_assert_int_eq(r, -EINVAL);
        for (size_t i = 0; i < errors.count; i++)
            ck_assert_msg(strstr(errors.list[i].text, "valve.ini") != NULL ||
                              strstr(errors.list[i].text, "root: ") != NULL,
                          "%s", errors.list[i].text);
    }
    ck_assert_uint_gt(accepted, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase;

    tcase = add_case(suite, "good files");
    tcase_add_test(tcase, defaults_are_those_of_the_manual);
    tcase_add_test(tcase, default_root_is_checked);
    tcase_add_test(tcase, every_key_is_read);
    tcase_add_test(tcase, rules_are_read);
    tcase_add_test(tcase, line_ends_comments_and_blanks_are_free);
    tcase_add_test(tcase, long_lines_are_read_whole);
    tcase_add_test(tcase, group_of_nothing_is_the_process_s_own);

    tcase = add_case(suite, "bad files");
    tcase_add_loop_test(tcase, each_bad_file_is_refused_at_its_line, 0,
                        (int)(sizeof bad_files / sizeof bad_files[0]));
    tcase_add_test(tcase, nul_bytes_are_refused);
    tcase_add_test(tcase, lines_of_5000_bytes_are_refused);
    tcase_add_test(tcase, a_header_of_5000_bytes_is_refused);
    tcase_add_test(tcase, one_byte_over_the_limit_is_refused);
    tcase_add_test(tcase, endless_files_are_given_up);
    tcase_add_test(tcase, all_errors_come_in_one_run_by_line);
    tcase_add_test(tcase, a_missing_file_is_an_error);
    tcase_add_test(tcase, a_directory_is_no_file);

    tcase = add_case(suite, "mutations");
    tcase_add_test(tcase, mutated_files_never_surprise);
    return run_suite(suite);
}
