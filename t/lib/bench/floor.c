/*
 * floor PLAIN ASKS TLS FORK RELAY STORE UDP CERT KEY LARGE MIDDLE SMALL: the
 * least that serving POP3 can cost.  Bare loops in processes that were forked beforehand accept,
 * read commands and send canned replies: on port PLAIN; on ASKS with one question
 * by UDP to port UDP, which a further process answers, for each PASS; on TLS
 * with that certificate and key.  On FORK each connection gets a process that
 * is forked for it; on RELAY, behind such a question, it is brought to port
 * STORE, where USER is all of the login.  Nothing is checked, logged or removed.
 * LARGE, with CRLF, is the only message of users whose names begin with l; those
 * of whom it is f have MIDDLE five times, d SMALL twenty times; others have none.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

enum { CHILDREN = 24, LINE = 512, PIECE = 65536 };

static int plain, asks;		/* sockets: of the client, of the question */
static SSL *tls;

/* What a user has; the letter is that with which his name begins. */
static struct mail {
	char letter;
	int messages;
	const char *file;
	long long size;
} mails[] = {
	{ 'l', 1, NULL, 0 }, { 'f', 5, NULL, 0 }, { 'd', 20, NULL, 0 },
	{ 0, 0, NULL, 0 }
};

static struct sockaddr_in
loopback(const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	at.sin_port = htons(atoi(port));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

static int
connected(int type, const char *port)
{
	struct sockaddr_in to = loopback(port);
	int s;

	if ((s = socket(AF_INET, type, 0)) < 0 ||
	    connect(s, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(1, "port %s", port);
	return s;
}

static int
listener(int type, const char *port)
{
	struct sockaddr_in at = loopback(port);
	int s, on = 1;

	if ((s = socket(AF_INET, type, 0)) < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(s, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    (type == SOCK_STREAM && (listen(s, 4096) != 0 ||
	    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)))
		err(1, "port %s", port);
	return s;
}

static int
say(const char *text, size_t len)
{
	return (tls != NULL ? SSL_write(tls, text, len) :
	    write(plain, text, len)) == (ssize_t)len;
}

static ssize_t
hear(char *text, size_t len)
{
	return tls != NULL ? SSL_read(tls, text, len) : read(plain, text, len);
}

static const struct mail *
mail_of(char letter)
{
	const struct mail *m = mails;

	while (m->letter != 0 && m->letter != letter)
		m++;
	return m;
}

/* A short message leaves in one piece. */
static int
send_file(const struct mail *m)
{
	static char piece[PIECE];
	ssize_t got, held = 5;
	int f;

	if (m->file == NULL || (f = open(m->file, O_RDONLY)) < 0)
		return 0;
	memcpy(piece, "+OK\r\n", held);
	while ((got = read(f, piece + held, sizeof(piece) - 3 - held)) > 0) {
		held += got;
		if (held < (ssize_t)sizeof(piece) - 3)
			continue;
		if (!say(piece, held))
			break;
		held = 0;
	}
	close(f);
	memcpy(piece + held, ".\r\n", 3);
	return got == 0 && say(piece, held + 3);
}

static int
ask(void)
{
	char answer[LINE];

	return asks == 0 || (send(asks, "*Ma/b\n", 6, 0) == 6 &&
	    recv(asks, answer, sizeof(answer), 0) > 0);
}

/* Copies both ways until one end closes. */
static void
relay(const char *port, const char *login, size_t len)
{
	static char piece[PIECE];
	struct pollfd p[2];
	int i;

	p[0].fd = plain;
	p[1].fd = connected(SOCK_STREAM, port);
	p[0].events = p[1].events = POLLIN;
	if (write(p[1].fd, login, len) != (ssize_t)len)
		p[0].events = 0;
	while (poll(p, 2, -1) > 0)
		for (i = 0; i < 2; i++) {
			ssize_t got;

			if (p[i].revents == 0)
				continue;
			if ((got = read(p[i].fd, piece, sizeof(piece))) <= 0 ||
			    write(p[1 - i].fd, piece, got) != got) {
				close(p[1].fd);
				return;
			}
		}
}

/* One session, to its end; from the login on it is somebody else's, if onwards. */
static void
talk(int greets, const char *onwards)
{
	char in[LINE], out[LINE], login[LINE];
	size_t held = 0, len = 0;
	ssize_t got;
	const struct mail *m = mail_of(0);
	int ok = !greets || say("+OK ready\r\n", 11);

	while (ok && held < sizeof(in) &&
	    (got = hear(in + held, sizeof(in) - held)) > 0) {
		char *line = in, *end;

		held += got;
		while (ok && (end = memchr(line, '\n', in + held - line)) != NULL) {
			switch (line[0]) {
			case 'U':
				m = mail_of(line[5]);
				len = end + 1 - line;
				memcpy(login, line, len);
				ok = say("+OK\r\n", 5);
				break;
			case 'P':
				ok = ask();
				if (ok && onwards != NULL) {
					relay(onwards, login, len);
					return;
				}
				ok = ok && say("+OK\r\n", 5);
				break;
			case 'S':
				ok = say(out, snprintf(out, sizeof(out),
				    "+OK %d %lld\r\n", m->messages,
				    m->messages * m->size));
				break;
			case 'R':
				ok = send_file(m);
				break;
			case 'D':
				ok = say("+OK\r\n", 5);
				break;
			default:
				say("+OK\r\n", 5);
				return;
			}
			line = end + 1;
		}
		held -= line - in;
		memmove(in, line, held);
	}
}

static void
serve(SSL_CTX *ctx, int greets, const char *onwards)
{
	if (ctx != NULL) {
		if ((tls = SSL_new(ctx)) == NULL || !SSL_set_fd(tls, plain))
			errx(1, "TLS");
		if (SSL_accept(tls) == 1) {
			talk(1, NULL);
			SSL_shutdown(tls);
		}
		SSL_free(tls);
	} else
		talk(greets, onwards);
	close(plain);
}

static void
children(const char *port, const char *udp, SSL_CTX *ctx, int greets,
    const char *onwards)
{
	int s = listener(SOCK_STREAM, port), i;

	for (i = 0; i < CHILDREN; i++) {
		if (fork() != 0)
			continue;
		if (udp != NULL)
			asks = connected(SOCK_DGRAM, udp);
		for (;;)
			if ((plain = accept(s, NULL, NULL)) >= 0)
				serve(ctx, greets, onwards);
	}
}

static void
answer(int s)
{
	struct sockaddr_in from;
	char question[LINE];

	for (;;) {
		socklen_t len = sizeof(from);

		if (recvfrom(s, question, sizeof(question), 0,
		    (struct sockaddr *)&from, &len) > 0)
			sendto(s, "+OK 0 no mails\n", 15, 0,
			    (struct sockaddr *)&from, len);
	}
}

static void
fork_each(int s)
{
	for (;;) {
		if ((plain = accept(s, NULL, NULL)) < 0)
			continue;
		if (fork() == 0) {
			close(s);
			serve(NULL, 1, NULL);
			_exit(0);
		}
		close(plain);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

int
main(int argc, char *argv[])
{
	SSL_CTX *ctx;
	struct stat st;
	int i, s;

	if (argc != 13)
		errx(2, "usage: floor PLAIN ASKS TLS FORK RELAY STORE UDP CERT "
		    "KEY LARGE MIDDLE SMALL");
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; mails[i].letter != 0; i++) {
		mails[i].file = argv[10 + i];
		if (stat(mails[i].file, &st) != 0)
			err(1, "%s", mails[i].file);
		mails[i].size = st.st_size;
	}
	if ((ctx = SSL_CTX_new(TLS_server_method())) == NULL ||
	    SSL_CTX_use_certificate_file(ctx, argv[8], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[9], SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"f", 1) != 1)
		errx(1, "%s, %s", argv[8], argv[9]);
	s = listener(SOCK_DGRAM, argv[7]);
	if (fork() == 0)
		answer(s);
	s = listener(SOCK_STREAM, argv[4]);
	if (fork() == 0)
		fork_each(s);
	children(argv[1], NULL, NULL, 1, NULL);
	children(argv[2], argv[7], NULL, 1, NULL);
	children(argv[3], NULL, ctx, 1, NULL);
	children(argv[6], NULL, NULL, 0, NULL);
	children(argv[5], argv[7], NULL, 1, argv[6]);
	while (wait(NULL) > 0)
		;
	return 1;
}
