/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL, loaded when it is first needed: a program that speaks no TLS does without the 4 ms and
 * 1.8 MB that linking it costs.
 *
 * Its functions are called by their own names, after valve_openssl_load() has succeeded. The idea
 * is systemd's (dlfcn-util.h).
 */
#ifndef VALVE_TLS_OPENSSL_H
#define VALVE_TLS_OPENSSL_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct valve_error;

/* clang-format off */

/* All that are called. */
#define VALVE_OPENSSL_FUNCTIONS(FUNCTION)           \
    FUNCTION(ASN1_STRING_to_UTF8)                   \
    FUNCTION(BIO_clear_flags)                       \
    FUNCTION(BIO_ctrl)                              \
    FUNCTION(BIO_get_callback_arg)                  \
    FUNCTION(BIO_get_data)                          \
    FUNCTION(BIO_int_ctrl)                          \
    FUNCTION(BIO_meth_get_create)                   \
    FUNCTION(BIO_meth_get_ctrl)                     \
    FUNCTION(BIO_meth_get_destroy)                  \
    FUNCTION(BIO_meth_get_read)                     \
    FUNCTION(BIO_meth_get_write)                    \
    FUNCTION(BIO_meth_new)                          \
    FUNCTION(BIO_meth_set_create)                   \
    FUNCTION(BIO_meth_set_ctrl)                     \
    FUNCTION(BIO_meth_set_destroy)                  \
    FUNCTION(BIO_meth_set_read)                     \
    FUNCTION(BIO_meth_set_write)                    \
    FUNCTION(BIO_new)                               \
    FUNCTION(BIO_s_socket)                          \
    FUNCTION(BIO_set_callback_arg)                  \
    FUNCTION(BIO_set_data)                          \
    FUNCTION(BIO_set_flags)                         \
    FUNCTION(BIO_set_init)                          \
    FUNCTION(BIO_sock_should_retry)                 \
    FUNCTION(BIO_test_flags)                        \
    FUNCTION(CRYPTO_free)                           \
    FUNCTION(ERR_clear_error)                       \
    FUNCTION(ERR_peek_last_error)                   \
    FUNCTION(ERR_reason_error_string)               \
    FUNCTION(GENERAL_NAMES_free)                    \
    FUNCTION(OPENSSL_sk_num)                        \
    FUNCTION(OPENSSL_sk_value)                      \
    FUNCTION(SSL_CTX_ctrl)                          \
    FUNCTION(SSL_CTX_free)                          \
    FUNCTION(SSL_CTX_load_verify_file)              \
    FUNCTION(SSL_CTX_new)                           \
    FUNCTION(SSL_CTX_set_alpn_protos)               \
    FUNCTION(SSL_CTX_set_alpn_select_cb)            \
    FUNCTION(SSL_CTX_set_client_CA_list)            \
    FUNCTION(SSL_CTX_set_default_passwd_cb)         \
    FUNCTION(SSL_CTX_set_default_verify_paths)      \
    FUNCTION(SSL_CTX_set_num_tickets)               \
    FUNCTION(SSL_CTX_set_options)                   \
    FUNCTION(SSL_CTX_set_verify)                    \
    FUNCTION(SSL_CTX_use_PrivateKey_file)           \
    FUNCTION(SSL_CTX_use_certificate_chain_file)    \
    FUNCTION(SSL_ctrl)                              \
    FUNCTION(SSL_do_handshake)                      \
    FUNCTION(SSL_free)                              \
    FUNCTION(SSL_get0_alpn_selected)                \
    FUNCTION(SSL_get0_param)                        \
    FUNCTION(SSL_get0_peer_certificate)             \
    FUNCTION(SSL_get_error)                         \
    FUNCTION(SSL_get_rbio)                          \
    FUNCTION(SSL_get_verify_result)                 \
    FUNCTION(SSL_get_wbio)                          \
    FUNCTION(SSL_has_pending)                       \
    FUNCTION(SSL_load_client_CA_file)               \
    FUNCTION(SSL_new)                               \
    FUNCTION(SSL_read_ex)                           \
    FUNCTION(SSL_select_next_proto)                 \
    FUNCTION(SSL_set_accept_state)                  \
    FUNCTION(SSL_set_bio)                           \
    FUNCTION(SSL_set_connect_state)                 \
    FUNCTION(SSL_set_msg_callback)                  \
    FUNCTION(SSL_shutdown)                          \
    FUNCTION(SSL_write_ex)                          \
    FUNCTION(TLS_client_method)                     \
    FUNCTION(TLS_server_method)                     \
    FUNCTION(X509_NAME_ENTRY_get_data)              \
    FUNCTION(X509_NAME_get_entry)                   \
    FUNCTION(X509_NAME_get_index_by_NID)            \
    FUNCTION(X509_VERIFY_PARAM_set1_host)           \
    FUNCTION(X509_VERIFY_PARAM_set1_ip_asc)         \
    FUNCTION(X509_VERIFY_PARAM_set_hostflags)       \
    FUNCTION(X509_get_ext_d2i)                      \
    FUNCTION(X509_get_subject_name)                 \
    FUNCTION(X509_verify_cert_error_string)

struct valve_openssl {
#define FUNCTION(name) __typeof__(name) *name;
    VALVE_OPENSSL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/* clang-format on */

extern struct valve_openssl valve_openssl;

/* Loads it, once; waits for the disk. Any thread. 0, or -ELIBACC, explained in *ret_error. */
int valve_openssl_load(struct valve_error *ret_error);

#ifndef VALVE_OPENSSL_BY_ITSELF
#define ASN1_STRING_to_UTF8                valve_openssl.ASN1_STRING_to_UTF8
#define BIO_clear_flags                    valve_openssl.BIO_clear_flags
#define BIO_ctrl                           valve_openssl.BIO_ctrl
#define BIO_get_callback_arg               valve_openssl.BIO_get_callback_arg
#define BIO_get_data                       valve_openssl.BIO_get_data
#define BIO_int_ctrl                       valve_openssl.BIO_int_ctrl
#define BIO_meth_get_create                valve_openssl.BIO_meth_get_create
#define BIO_meth_get_ctrl                  valve_openssl.BIO_meth_get_ctrl
#define BIO_meth_get_destroy               valve_openssl.BIO_meth_get_destroy
#define BIO_meth_get_read                  valve_openssl.BIO_meth_get_read
#define BIO_meth_get_write                 valve_openssl.BIO_meth_get_write
#define BIO_meth_new                       valve_openssl.BIO_meth_new
#define BIO_meth_set_create                valve_openssl.BIO_meth_set_create
#define BIO_meth_set_ctrl                  valve_openssl.BIO_meth_set_ctrl
#define BIO_meth_set_destroy               valve_openssl.BIO_meth_set_destroy
#define BIO_meth_set_read                  valve_openssl.BIO_meth_set_read
#define BIO_meth_set_write                 valve_openssl.BIO_meth_set_write
#define BIO_new                            valve_openssl.BIO_new
#define BIO_s_socket                       valve_openssl.BIO_s_socket
#define BIO_set_callback_arg               valve_openssl.BIO_set_callback_arg
#define BIO_set_data                       valve_openssl.BIO_set_data
#define BIO_set_flags                      valve_openssl.BIO_set_flags
#define BIO_set_init                       valve_openssl.BIO_set_init
#define BIO_sock_should_retry              valve_openssl.BIO_sock_should_retry
#define BIO_test_flags                     valve_openssl.BIO_test_flags
#define CRYPTO_free                        valve_openssl.CRYPTO_free
#define ERR_clear_error                    valve_openssl.ERR_clear_error
#define ERR_peek_last_error                valve_openssl.ERR_peek_last_error
#define ERR_reason_error_string            valve_openssl.ERR_reason_error_string
#define GENERAL_NAMES_free                 valve_openssl.GENERAL_NAMES_free
#define OPENSSL_sk_num                     valve_openssl.OPENSSL_sk_num
#define OPENSSL_sk_value                   valve_openssl.OPENSSL_sk_value
#define SSL_CTX_ctrl                       valve_openssl.SSL_CTX_ctrl
#define SSL_CTX_free                       valve_openssl.SSL_CTX_free
#define SSL_CTX_load_verify_file           valve_openssl.SSL_CTX_load_verify_file
#define SSL_CTX_new                        valve_openssl.SSL_CTX_new
#define SSL_CTX_set_alpn_protos            valve_openssl.SSL_CTX_set_alpn_protos
#define SSL_CTX_set_alpn_select_cb         valve_openssl.SSL_CTX_set_alpn_select_cb
#define SSL_CTX_set_client_CA_list         valve_openssl.SSL_CTX_set_client_CA_list
#define SSL_CTX_set_default_passwd_cb      valve_openssl.SSL_CTX_set_default_passwd_cb
#define SSL_CTX_set_default_verify_paths   valve_openssl.SSL_CTX_set_default_verify_paths
#define SSL_CTX_set_num_tickets            valve_openssl.SSL_CTX_set_num_tickets
#define SSL_CTX_set_options                valve_openssl.SSL_CTX_set_options
#define SSL_CTX_set_verify                 valve_openssl.SSL_CTX_set_verify
#define SSL_CTX_use_PrivateKey_file        valve_openssl.SSL_CTX_use_PrivateKey_file
#define SSL_CTX_use_certificate_chain_file valve_openssl.SSL_CTX_use_certificate_chain_file
#define SSL_ctrl                           valve_openssl.SSL_ctrl
#define SSL_do_handshake                   valve_openssl.SSL_do_handshake
#define SSL_free                           valve_openssl.SSL_free
#define SSL_get0_alpn_selected             valve_openssl.SSL_get0_alpn_selected
#define SSL_get0_param                     valve_openssl.SSL_get0_param
#define SSL_get0_peer_certificate          valve_openssl.SSL_get0_peer_certificate
#define SSL_get_error                      valve_openssl.SSL_get_error
#define SSL_get_rbio                       valve_openssl.SSL_get_rbio
#define SSL_get_verify_result              valve_openssl.SSL_get_verify_result
#define SSL_get_wbio                       valve_openssl.SSL_get_wbio
#define SSL_has_pending                    valve_openssl.SSL_has_pending
#define SSL_load_client_CA_file            valve_openssl.SSL_load_client_CA_file
#define SSL_new                            valve_openssl.SSL_new
#define SSL_read_ex                        valve_openssl.SSL_read_ex
#define SSL_select_next_proto              valve_openssl.SSL_select_next_proto
#define SSL_set_accept_state               valve_openssl.SSL_set_accept_state
#define SSL_set_bio                        valve_openssl.SSL_set_bio
#define SSL_set_connect_state              valve_openssl.SSL_set_connect_state
#define SSL_set_msg_callback               valve_openssl.SSL_set_msg_callback
#define SSL_shutdown                       valve_openssl.SSL_shutdown
#define SSL_write_ex                       valve_openssl.SSL_write_ex
#define TLS_client_method                  valve_openssl.TLS_client_method
#define TLS_server_method                  valve_openssl.TLS_server_method
#define X509_NAME_ENTRY_get_data           valve_openssl.X509_NAME_ENTRY_get_data
#define X509_NAME_get_entry                valve_openssl.X509_NAME_get_entry
#define X509_NAME_get_index_by_NID         valve_openssl.X509_NAME_get_index_by_NID
#define X509_VERIFY_PARAM_set1_host        valve_openssl.X509_VERIFY_PARAM_set1_host
#define X509_VERIFY_PARAM_set1_ip_asc      valve_openssl.X509_VERIFY_PARAM_set1_ip_asc
#define X509_VERIFY_PARAM_set_hostflags    valve_openssl.X509_VERIFY_PARAM_set_hostflags
#define X509_get_ext_d2i                   valve_openssl.X509_get_ext_d2i
#define X509_get_subject_name              valve_openssl.X509_get_subject_name
#define X509_verify_cert_error_string      valve_openssl.X509_verify_cert_error_string
#endif

#endif
