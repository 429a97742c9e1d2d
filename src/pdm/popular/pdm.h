/*
 * popular/pdm.h - the interface of POPular's database modules; see pdm(3).
 *
 * A module is a shared library libpdm_NAME.so that exports one object, the
 * table pdm_module.  This file is the truth about its layout; everything
 * else that speaks the interface mirrors it.
 */
#ifndef POPULAR_PDM_H
#define POPULAR_PDM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The number of the interface.  It changes when a module built before the
 * change could misread anything; mere additions use reserved fields. */
#define PDM_ABI 1u

/* Answers of check.  Any other value is taken for a broken module. */
#define PDM_UNKNOWN 0 /* does not know the user */
#define PDM_ACCEPT 1  /* knows the user, and the password is right */
#define PDM_REFUSE 2  /* knows the user, but does not let this login in */
#define PDM_FAIL 3    /* cannot say at present; try again later */

/* What a module needs beyond reading the files named in its arguments. */
#define PDM_NEEDS_CONNECT 0x1u /* opens sockets */
#define PDM_NEEDS_EXEC 0x2u    /* starts programs */

/* What a module does beyond comparing passwords. */
#define PDM_DOES_EXTERNAL 0x1u /* understands logins by client certificate */
#define PDM_DOES_VARY 0x2u     /* an answer holds for one login: never cached */

/* Flags of a request. */
#define PDM_IS_TLS 0x1u      /* the client came over TLS */
#define PDM_IS_EXTERNAL 0x2u /* no password: the certificate is the proof */

/* Flags of an answer. */
#define PDM_MASTER 0x1u /* reading does not mark mail as read */

/* Bounds of what the host sends and of what it makes room for, in octets. */
#define PDM_NAME_SIZE 32      /* name of a module, its NUL included */
#define PDM_USER_MAX 255      /* user, namespace, user at the backend */
#define PDM_PASSWORD_MAX 4096 /* password of a request (it may be a token) */
#define PDM_BACKEND_MAX 64    /* id of a backend */
#define PDM_MAILBOX_MAX 255   /* mailbox */
#define PDM_SECRET_MAX 255    /* password at the backend */
#define PDM_EXTRA_MAX 1024    /* all further items together */
#define PDM_TEXT_MAX 511      /* reason, error */

/* A string of the host: len octets, no NUL at the end.  It is valid until
 * the call that brought it returns.  Empty means there is none. */
struct pdm_str {
	const char *ptr;
	size_t len;
};

/* Room for a string of the module: cap octets at ptr, len of them used.
 * Fill it with pdm_put or pdm_puts only. */
struct pdm_buf {
	char *ptr;
	size_t cap;
	size_t len;
};

/* How one instance of the module was configured. */
struct pdm_config {
	uint32_t size;             /* octets of this structure */
	uint32_t argc;             /* number of arguments */
	const struct pdm_str *argv; /* arguments behind the name of the module */
	struct pdm_str id;         /* id of this instance, for messages */
	void *reserved[4];         /* NULL */
};

/* One login.  No string holds CR, LF or NUL, and none is longer than its
 * bound; other octets, also those above 127, come as the client sent them. */
struct pdm_request {
	uint32_t size;            /* octets of this structure */
	uint32_t flags;           /* PDM_IS_... */
	struct pdm_str ns;        /* namespace of the virtual server */
	struct pdm_str user;      /* as the client sent it; never empty */
	struct pdm_str password;  /* empty only with PDM_IS_EXTERNAL */
	struct pdm_str service;   /* "pop3" */
	struct pdm_str vserv;     /* id of the virtual server */
	struct pdm_str sid;       /* session id, as in the log */
	struct pdm_str client;    /* "192.0.2.7" or "2001:db8::7" */
	struct pdm_str client_port; /* "49152" */
	struct pdm_str server;    /* the address the client connected to */
	struct pdm_str server_port; /* "110" */
	struct pdm_str tls;       /* "TLSv1.3"; empty without TLS */
	struct pdm_str subject;   /* subject of the verified certificate */
	void *reserved[8];        /* NULL */
};

/* What the module says of it.  The account belongs to PDM_ACCEPT and to
 * PDM_REFUSE alike: another module may vouch for a login refused here. */
struct pdm_answer {
	uint32_t size;            /* octets of this structure */
	uint32_t flags;           /* PDM_MASTER */
	struct pdm_buf backend;   /* id of a backend, required */
	struct pdm_buf mailbox;   /* for XPOP: relative to the spool */
	struct pdm_buf user;      /* for POP3: the user at the backend */
	struct pdm_buf password;  /* for POP3: the password at the backend */
	struct pdm_buf extra;     /* "key=value" items, each ended by NUL */
	struct pdm_buf reason;    /* why, for the log; never shown to clients */
	void *reserved[8];        /* leave alone */
};

/* The table.  Unused functions and reserved fields are NULL; check or vouch
 * must be there.  The host never makes two calls at once in one process. */
struct pdm_module {
	uint32_t abi;             /* PDM_ABI */
	uint32_t size;            /* sizeof (struct pdm_module) */
	char name[PDM_NAME_SIZE]; /* NAME of libpdm_NAME.so, ended by NUL */
	uint32_t needs;           /* PDM_NEEDS_... */
	uint32_t does;            /* PDM_DOES_... */

	/* Makes an instance; runs once, before any worker is forked.
	 * Returns 0, or anything else after a text that says which file and
	 * line is wrong and what would be right. */
	int (*open)(const struct pdm_config *config, void **ctx,
	    struct pdm_buf *error);

	/* Runs first in each worker: the place to connect to a database.
	 * Returns 0, or anything else after a text. */
	int (*after_fork)(void *ctx, struct pdm_buf *error);

	/* Who is this?  Returns PDM_UNKNOWN, ACCEPT, REFUSE or FAIL. */
	int (*check)(void *ctx, const struct pdm_request *request,
	    struct pdm_answer *answer);

	/* Another module knows this user but refused: may the login pass on
	 * the word of this one?  Returns PDM_ACCEPT, PDM_UNKNOWN (no) or
	 * PDM_FAIL.  Of the answer only flags and reason are read. */
	int (*vouch)(void *ctx, const struct pdm_request *request,
	    struct pdm_answer *answer);

	/* Was a file replaced since open?  0 if not, else a number that
	 * stands for what is there now: after a file that could not be
	 * opened, the next one is tried when the number changes.  Called by
	 * workers up to once a second: a stat(2), and no more. */
	int (*stale)(void *ctx);

	/* Ends the instance; ctx is not used again. */
	void (*close)(void *ctx);

	void *reserved[8];
};

#if defined(__GNUC__) || defined(__clang__)
#define PDM_EXPORT __attribute__((visibility("default")))
#else
#define PDM_EXPORT
#endif

/* The one object a module exports. */
extern PDM_EXPORT const struct pdm_module pdm_module;

/* Appends n octets to a buffer.  Returns 0, or -1 if there is no room; the
 * host then refuses the whole answer, so the result need not be looked at.
 * Nothing is ever cut off and taken for a name. */
static inline int
pdm_put(struct pdm_buf *buf, const void *octets, size_t n)
{
	if (buf->len > buf->cap || n > buf->cap - buf->len) {
		buf->len = buf->cap + 1;
		return -1;
	}
	if (n > 0)
		memcpy(buf->ptr + buf->len, octets, n);
	buf->len += n;
	return 0;
}

/* Appends a C string without its NUL; see pdm_put. */
static inline int
pdm_puts(struct pdm_buf *buf, const char *text)
{
	return pdm_put(buf, text, strlen(text));
}

/* Whether a string of the host equals a C string.  Not for secrets. */
static inline int
pdm_eq(struct pdm_str str, const char *text)
{
	size_t n = strlen(text);

	return str.len == n && (n == 0 || memcmp(str.ptr, text, n) == 0);
}

/* Whether two secrets are equal, in a time that depends on the length of
 * the first only. */
static inline int
pdm_eq_secret(struct pdm_str given, const void *expected, size_t n)
{
	const volatile unsigned char *a =
	    (const volatile unsigned char *)given.ptr;
	const volatile unsigned char *b =
	    (const volatile unsigned char *)expected;
	unsigned char differ = given.len != n;
	size_t i;

	for (i = 0; n > 0 && i < given.len; i++)
		differ |= (unsigned char)(a[i] ^ b[i % n]);
	return differ == 0 && given.len == n;
}

#ifdef __cplusplus
}
#endif

#endif /* POPULAR_PDM_H */
