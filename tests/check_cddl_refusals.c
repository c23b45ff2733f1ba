/* SPDX-License-Identifier: MIT */
/*
 * What the schema compiler refuses, and what it says: schemas and reports, word for word.
 */
#include "check_cddl.h"

static const struct {
    const char *schema, *report;
} refusals[] = {
    /* Words */
    {WITH("[tstr, 1.5]"), AT("3:12: floating-point literals are not in the subset\n"
                             "    a = [tstr, 1.5]\n"
                             "               ^~~")},
    {WITH("0..99999999999999999999"), AT("3:8: this number does not fit into 64 bits\n"
                                         "    a = 0..99999999999999999999\n"
                                         "           ^~~~~~~~~~~~~~~~~~~~")},
    {WITH("0..007"), AT("3:8: a number does not begin with 0\n"
                        "    a = 0..007\n"
                        "           ^~~")},
    {WITH("0..1z"), AT("3:8: a number ends in something that is no digit\n"
                       "    a = 0..1z\n"
                       "           ^~")},
    {WITH("0..0x"), AT("3:8: digits are missing in this number\n"
                       "    a = 0..0x\n"
                       "           ^~")},
    {WITH("{ab: \"x"), AT("3:10: this text does not end: a \" is missing in its line\n"
                          "    a = {ab: \"x\n"
                          "             ^~")},
    {WITH("\"x\\n\""), AT("3:5: escapes in text are not in the subset\n"
                          "    a = \"x\\n\"\n"
                          "        ^~~~~")},
    {WITH("h'00'"), AT("3:5: literals of bytes are not in the subset\n"
                       "    a = h'00'\n"
                       "        ^~~~~")},
    {WITH("b64'AA'"), AT("3:5: literals of bytes are not in the subset\n"
                         "    a = b64'AA'\n"
                         "        ^~~~~~~")},
    {WITH("#6.1(tstr)"), AT("3:5: tags and major types (#) are not in the subset\n"
                            "    a = #6.1(tstr)\n"
                            "        ^~~~")},
    {WITH("&(x: 1)"), AT("3:5: enumerations of groups (&) are not in the subset\n"
                         "    a = &(x: 1)\n"
                         "        ^")},
    {WITH("~t"), AT("3:5: unwrapping (~) is not in the subset\n"
                    "    a = ~t\n"
                    "        ^")},
    {WITH("{\"x\" ^ => tstr}"), AT("3:10: cuts (^) are not in the subset: keys are always cut\n"
                                   "    a = {\"x\" ^ => tstr}\n"
                                   "             ^")},
    {WITH("$x"), AT("3:5: sockets ($name) are not in the subset\n"
                    "    a = $x\n"
                    "        ^~")},
    {WITH("tstr .regexp \"x\""), AT("3:10: of the control operators only .size is in the subset\n"
                                    "    a = tstr .regexp \"x\"\n"
                                    "             ^~~~~~~")},
    {WITH("tstr // bstr"),
     AT("3:10: group choices (//) are not in the subset: choose between types\n"
        "    a = tstr // bstr\n"
        "             ^~")},
    {WITH("tstr\na /= bstr"),
     AT("4:3: a rule cannot be extended (/=) in the subset: write it whole\n"
        "    a /= bstr\n"
        "      ^~")},
    {WITH("[\303\274, tstr]"), AT("3:6: no word of CDDL begins with this character\n"
                                  "    a = [\303\274, tstr]\n"
                                  "         ^")},
    {WITH("[-1.5e-3]"), AT("3:6: floating-point literals are not in the subset\n"
                           "    a = [-1.5e-3]\n"
                           "         ^~~~~~~")},
    {WITH("0x1.8p3"), AT("3:5: floating-point literals are not in the subset\n"
                         "    a = 0x1.8p3\n"
                         "        ^~~~~~~")},
    {WITH("b<tstr>"), AT("3:6: generic rules (<...>) are not in the subset\n"
                         "    a = b<tstr>\n"
                         "         ^~~~~~")},
    {WITH("tstr\na //= (x: uint)"), AT("4:3: a group cannot be extended (//=) in the subset\n"
                                       "    a //= (x: uint)\n"
                                       "      ^~~")},
    /* Grammar */
    {"", AT("1:1: the schema has no rule\n"
            "    \n"
            "    ^")},
    {"= tstr", AT("1:1: a rule should begin here: name = type\n"
                  "    = tstr\n"
                  "    ^") AT("1:1: the schema has no rule\n"
                              "    = tstr\n"
                              "    ^")},
    {WITH("[tstr"), AT("3:5: this bracket is not closed\n"
                       "    a = [tstr\n"
                       "        ^")},
    {WITH("[tstr\nb = tstr"), AT("3:5: this bracket is not closed\n"
                                 "    a = [tstr\n"
                                 "        ^")},
    {WITH("(tstr"), AT("4:1: a parenthesis is not closed\n"
                       "    \n"
                       "    ^")},
    {WITH("(x: tstr)"), AT("3:7: parentheses hold one type; groups are not in the subset\n"
                           "    a = (x: tstr)\n"
                           "          ^")},
    {WITH("\nb = tstr"), AT("4:1: a type is missing before this rule\n"
                            "    b = tstr\n"
                            "    ^")},
    {WITH("tstr /"), AT("4:1: the schema ends where a type should stand\n"
                        "    \n"
                        "    ^")},
    {WITH("{x: }"), AT("3:9: a type should stand here\n"
                       "    a = {x: }\n"
                       "            ^")},
    {WITH("tstr bstr"),
     AT("3:10: the rule has ended before this: a / or the next rule should follow\n"
        "    a = tstr bstr\n"
        "             ^~~~")},
    {WITH("tstr\n5 = bstr"), AT("4:1: the name of a rule should stand here\n"
                                "    5 = bstr\n"
                                "    ^")},
    {WITH("[1*3 tstr]"), AT("3:6: bounded repetition (n*m) is not in the subset: write [* T]\n"
                            "    a = [1*3 tstr]\n"
                            "         ^")},
    {WITH("[*3 tstr]"), AT("3:6: bounded repetition (n*m) is not in the subset: write [* T]\n"
                           "    a = [*3 tstr]\n"
                           "         ^")},
    {WITH("{1 => tstr}"), AT("3:6: keys are text in the subset: \"k\" => T or k: T\n"
                             "    a = {1 => tstr}\n"
                             "         ^")},
    {WITH("tstr\na = bstr"), AT("4:1: a is defined twice, first in line 3\n"
                                "    a = bstr\n"
                                "    ^")},
    {WITH("{1: tstr}"), AT("3:6: keys are text in the subset: \"k\" => T or k: T\n"
                           "    a = {1: tstr}\n"
                           "         ^")},
    {WITH("[2: uint]"), AT("3:6: an array has no keys: its elements are T or name: T\n"
                           "    a = [2: uint]\n"
                           "         ^")},
    {WITH("[\"x\" => tstr]"), AT("3:6: an array has no keys: its elements are T or name: T\n"
                                 "    a = [\"x\" => tstr]\n"
                                 "         ^~~")},
    {WITH("[* tstr => any]"), AT("3:8: an array has no keys: its elements are T or name: T\n"
                                 "    a = [* tstr => any]\n"
                                 "           ^~~~")},
    /* Names */
    {WITH("[pth]"), AT("3:6: the name pth is not defined\n"
                       "    a = [pth]\n"
                       "         ^~~")},
    {WITH("1..max..x"),
     AT("3:8: max..x is one name in CDDL, and not defined: a range needs blanks around ..\n"
        "    a = 1..max..x\n"
        "           ^~~~~~")},
    {WITH("text"), AT("3:5: text of CDDL's prelude is not in the subset: write tstr\n"
                      "    a = text\n"
                      "        ^~~~")},
    {WITH("tstr\nuint = tstr"), AT("4:1: uint is a name of CDDL's prelude\n"
                                   "    uint = tstr\n"
                                   "    ^~~~")},
    {WITH("tstr\nb = [c]\nc = tstr"),
     AT("4:1: b is not used: the service does not lead to it\n"
        "    b = [c]\n"
        "    ^") AT("5:1: c is not used: the service does not lead to "
                    "it\n"
                    "    c = tstr\n"
                    "    ^")},
    /* Types */
    {WITH("{* tstr => any, x: uint}"), AT("3:6: * tstr => any must stand last\n"
                                          "    a = {* tstr => any, x: uint}\n"
                                          "         ^~~~~~~~~~~~~")},
    {WITH("{x: nil}"), AT("3:5: C has nothing to keep of this: it holds no value but nil\n"
                          "    a = {x: nil}\n"
                          "        ^~~~~~~~")},
    {WITH("{tstr}"), AT("3:6: an entry of a map needs a key; groups are not in the subset\n"
                        "    a = {tstr}\n"
                        "         ^~~~")},
    {WITH("{tstr => uint}"), AT("3:6: keys are text in the subset: \"k\" => T or k: T\n"
                                "    a = {tstr => uint}\n"
                                "         ^~~~")},
    {WITH("{x: uint,\n     \"x\" => int}"), AT("4:6: the key \"x\" stands twice, first in line 3\n"
                                               "         \"x\" => int}\n"
                                               "         ^~~")},
    {WITH("[+ tstr]"),
     AT("3:6: an array in the subset is a list [* T] or has a fixed number of elements\n"
        "    a = [+ tstr]\n"
        "         ^~~~~~")},
    {WITH("[tstr, ? uint]"),
     AT("3:12: an array in the subset is a list [* T] or has a fixed number of elements\n"
        "    a = [tstr, ? uint]\n"
        "               ^~~~~~")},
    {WITH("[]"), AT("3:5: this holds nothing: it must have an entry\n"
                    "    a = []\n"
                    "        ^~")},
    {WITH("[* nil]"), AT("3:5: a list of nil says no more than its length\n"
                         "    a = [* nil]\n"
                         "        ^~~~~~~")},
    {WITH("{\"gr\303\274n\": tstr, x: pth}"),
     AT("3:6: no C name can be made of \"gr\303\274n\": letters A to Z, digits and - _ . are what "
        "it may have\n"
        "    a = {\"gr\303\274n\": tstr, x: pth}\n"
        "         ^~~~~~") AT("3:23: the name pth is not defined\n"
                              "    a = {\"gr\303\274n\": tstr, x: pth}\n"
                              "                          ^~~")},
    {WITH("{\"-\": tstr}"), AT("3:6: no C name can be made of \"-\": it has no letter\n"
                               "    a = {\"-\": tstr}\n"
                               "         ^~~")},
    {WITH("{+ x: uint}"), AT("3:6: of a map's entries only * tstr => T may be repeated\n"
                             "    a = {+ x: uint}\n"
                             "         ^~~~~~~~~")},
    {WITH("{+ tstr => uint}"), AT("3:6: of a map's entries only * tstr => T may be repeated\n"
                                  "    a = {+ tstr => uint}\n"
                                  "         ^~~~~~~~~~~~~~")},
    {WITH("{? tstr => uint}"), AT("3:8: keys are text in the subset: \"k\" => T or k: T\n"
                                  "    a = {? tstr => uint}\n"
                                  "           ^~~~")},
    {WITH("{* \"x\" => tstr}"), AT("3:6: of a map's entries only * tstr => T may be repeated\n"
                                   "    a = {* \"x\" => tstr}\n"
                                   "         ^~~~~~~~~~~~~")},
    {WITH("{x: uint, * tstr => uint}"),
     AT("3:15: beside other entries only * tstr => any may stand; {* tstr => T} stands alone\n"
        "    a = {x: uint, * tstr => uint}\n"
        "                  ^~~~~~~~~~~~~~")},
    {WITH("{* uint => tstr}"), AT("3:8: keys are text in the subset: {* tstr => T}\n"
                                  "    a = {* uint => tstr}\n"
                                  "           ^~~~")},
    {WITH("{* 1..2 => tstr}"), AT("3:8: keys are text in the subset: {* tstr => T}\n"
                                  "    a = {* 1..2 => tstr}\n"
                                  "           ^~~~")},
    {WITH("{(tstr / uint) => uint}"), AT("3:7: keys are text in the subset: \"k\" => T or k: T\n"
                                         "    a = {(tstr / uint) => uint}\n"
                                         "          ^~~~~~~~~~~")},
    {WITH("{k => tstr}"), AT("3:6: keys are text in the subset: \"k\" => T or k: T\n"
                             "    a = {k => tstr}\n"
                             "         ^") AT("3:6: the name k is not defined\n"
                                              "    a = {k => tstr}\n"
                                              "         ^")},
    {WITH("{x => tstr}\nx = \"k\""), AT("3:6: keys are text in the subset: \"k\" => T or k: T\n"
                                        "    a = {x => tstr}\n"
                                        "         ^")},
    {WITH("{}"), AT("3:5: this holds nothing: it must have an entry\n"
                    "    a = {}\n"
                    "        ^~")},
    {WITH("{* tstr => nope}"), AT("3:16: the name nope is not defined\n"
                                  "    a = {* tstr => nope}\n"
                                  "                   ^~~~")},
    {WITH("{* tstr => {}}"), AT("3:16: this holds nothing: it must have an entry\n"
                                "    a = {* tstr => {}}\n"
                                "                   ^~")},
    /* Numbers and sizes */
    {WITH("4..2"), AT("3:5: this range ends below its start\n"
                      "    a = 4..2\n"
                      "        ^~~~")},
    {WITH("4...4"), AT("3:5: this range holds no number\n"
                       "    a = 4...4\n"
                       "        ^~~~~")},
    {WITH("-1..9223372036854775808"),
     AT("3:5: a range with negative numbers must fit into 64 bits with sign: "
        "-9223372036854775808..9223372036854775807\n"
        "    a = -1..9223372036854775808\n"
        "        ^~~~~~~~~~~~~~~~~~~~~~~")},
    {WITH("1 .. n\nn = tstr"), AT("3:10: an integer should stand here\n"
                                  "    a = 1 .. n\n"
                                  "             ^")},
    {WITH("int .size 3"), AT("3:5: .size goes with tstr, bstr and uint only\n"
                             "    a = int .size 3\n"
                             "        ^~~")},
    {WITH("tstr .size -3"), AT("3:16: a size is not negative\n"
                               "    a = tstr .size -3\n"
                               "                   ^~")},
    {WITH("uint .size 9"), AT("3:16: the size of an integer is 1 to 8 bytes\n"
                              "    a = uint .size 9\n"
                              "                   ^")},
    {WITH("float64 .size 8"), AT("3:5: .size goes with tstr, bstr and uint only\n"
                                 "    a = float64 .size 8\n"
                                 "        ^~~~~~~")},
    {WITH("any .size 2"), AT("3:5: .size goes with tstr, bstr and uint only\n"
                             "    a = any .size 2\n"
                             "        ^~~")},
    {WITH("b .size 3\nb = tstr .size 2"), AT("3:5: this is limited already\n"
                                             "    a = b .size 3\n"
                                             "        ^")},
    {WITH("0 .. b\nb = c\nc = b"), AT("5:5: b leads back to itself with no array or map between\n"
                                      "    c = b\n"
                                      "        ^")},
    /* Choices */
    {WITH("\"X\" / {\"X\" => tstr}"),
     AT("3:12: the variant \"X\" stands twice in a sum, first in line 3\n"
        "    a = \"X\" / {\"X\" => tstr}\n"
        "               ^~~")},
    {WITH("\"X\" / nil"), AT("3:5: a variant beside types that are none: make the sum a rule and "
                             "choose between its name and them\n"
                             "    a = \"X\" / nil\n"
                             "        ^~~")},
    {WITH("tstr / 1 / 2"),
     AT("3:16: this alternative begins as another before it does (unsigned integer): nothing "
        "tells them apart\n"
        "    a = tstr / 1 / 2\n"
        "                   ^")},
    {WITH("b / tstr\nb = \"X\" / {\"Y\" => uint}"),
     AT("3:9: this alternative begins as another before it does (text): nothing tells them "
        "apart\n"
        "    a = b / tstr\n"
        "            ^~~~")},
    {WITH("nil / nil"),
     AT("3:11: this alternative begins as another before it does (nil): nothing tells them apart\n"
        "    a = nil / nil\n"
        "              ^~~")},
    {WITH("float64 / bool / float64"),
     AT("3:22: this alternative begins as another before it does (floating-point number): nothing tells them apart\n"
        "    a = float64 / bool / float64\n"
        "                         ^~~~~~~")},
    {WITH("any / tstr"), AT("3:5: any is every type: nothing tells it apart from the others\n"
                            "    a = any / tstr\n"
                            "        ^~~")},
    {WITH("tstr / b\nb = any"),
     AT("3:12: any is every type: nothing tells it apart from the others\n"
        "    a = tstr / b\n"
        "               ^")},
    {WITH("{* tstr => uint} / {x: uint, y: uint}"),
     AT("3:24: this alternative begins as another before it does (map): nothing tells them apart\n"
        "    a = {* tstr => uint} / {x: uint, y: uint}\n"
        "                           ^~~~~~~~~~~~~~~~~~")},
    {WITH("b / tstr\nb = nil / bool / float64 / tstr / bstr / int / [* a] / {* tstr => a}"),
     AT("3:9: this alternative begins as another before it does (text): nothing tells them apart\n"
        "    a = b / tstr\n"
        "            ^~~~")},
    /* Recursion */
    {WITH("b\nb = a"), AT("4:5: a leads back to itself with no array or map between\n"
                          "    b = a\n"
                          "        ^")},
    {WITH("a / nil"), AT("3:5: this choice leads back to itself with no array or map between\n"
                         "    a = a / nil\n"
                         "        ^~~~~~~")},
    {WITH("\"X\" / a"), AT("3:11: a leads back to itself with no array or map between\n"
                           "    a = \"X\" / a\n"
                           "              ^")},
    {WITH("[a, tstr]"), AT("3:5: no value of a ends: each one holds another\n"
                           "    a = [a, tstr]\n"
                           "        ^~~~~~~~~")},
    {WITH("{\"X\" => a} / {\"Y\" => [a]}"), AT("3:5: no value of a ends: each one holds another\n"
                                               "    a = {\"X\" => a} / {\"Y\" => [a]}\n"
                                               "        ^~~~~~~~~~~~~~~~~~~~~~~~~")},
    /* The service */
    {"u = [\"A\", \"Ok\" / fail]\n" FAIL,
     AT("1:1: the first rule is the service and is named as the file: t\n"
        "    u = [\"A\", \"Ok\" / fail]\n"
        "    ^")},
    /* Names in C */
    {WITH("{? x: tstr, has-x: bool}"),
     AT("3:17: its name in C, t_a.has_x, is already that of line 3, column 8: rename one of "
        "them\n"
        "    a = {? x: tstr, has-x: bool}\n"
        "                    ^~~~~")},
    {WITH("{\"kind\" => tstr} / \"X\""),
     AT("3:6: its name in C, t_a.kind, is already that of line 3, column 5: rename one of them\n"
        "    a = {\"kind\" => tstr} / \"X\"\n"
        "         ^~~~~~")},
};

START_TEST(refuses)
{
    expect_report(refusals[_i].schema, refusals[_i].report);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

void add_refusal_tests(Suite *suite)
{
    TCase *tests = tcase_create("refusals");

    tcase_add_loop_test(tests, refuses, 0, COUNT(refusals));
    suite_add_tcase(suite, tests);
}
