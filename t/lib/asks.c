/*
 * asks PORT SECONDS WINDOW MAILBOX BOXES: asks the pcheckd on this port of the
 * loopback, for so many seconds, about MAILBOX0, MAILBOX1 and so on, BOXES of
 * them in turn; with 0 BOXES about MAILBOX itself.  WINDOW questions wait for
 * an answer at a time; those that get none in 200 ms are lost.  Prints what
 * came of it: questions answered, by number, errors, and questions lost.
 */
#define _GNU_SOURCE
#include <sys/socket.h>

#include <netinet/in.h>

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 256, ROOM = 512 };

static char room[MOST][ROOM];
static struct iovec iov[MOST];
static struct mmsghdr msgs[MOST];

static double
now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		err(1, "clock_gettime");
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Asks COUNT questions; NEXT is the first of them.  How many were sent. */
static int
ask(int s, unsigned long next, int count, const char *mailbox,
    unsigned long boxes)
{
	int i, sent;

	for (i = 0; i < count; i++) {
		iov[i].iov_len = boxes == 0 ?
		    (size_t)snprintf(room[i], ROOM, "*M%s\n", mailbox) :
		    (size_t)snprintf(room[i], ROOM, "*M%s%lu\n", mailbox,
		    (next + i) % boxes);
	}
	sent = sendmmsg(s, msgs, count, 0);
	if (sent < 0)
		err(1, "sendmmsg");
	return sent;
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	unsigned long sum[5] = { 0 }, asked = 0, lost = 0, boxes;
	int s, window, i, got, waiting = 0;
	double begun, end;

	if (argc != 6)
		errx(2, "usage: asks PORT SECONDS WINDOW MAILBOX BOXES");
	to.sin_port = htons(atoi(argv[1]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	window = atoi(argv[3]);
	boxes = strtoul(argv[5], NULL, 10);
	if (window < 1 || window > MOST || strlen(argv[4]) > 255)
		errx(2, "at most %d questions, of 255 octets", MOST);
	if ((s = socket(AF_INET, SOCK_DGRAM, 0)) < 0 ||
	    connect(s, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(1, "socket");
	for (i = 0; i < MOST; i++) {
		iov[i].iov_base = room[i];
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	begun = now();
	end = begun + atof(argv[2]);
	while (now() < end || waiting > 0) {
		struct pollfd p = { .fd = s, .events = POLLIN };

		if (waiting <= window / 2 && now() < end) {
			got = ask(s, asked, window - waiting, argv[4], boxes);
			asked += got;
			waiting += got;
		}
		if (poll(&p, 1, 200) == 0) {
			lost += waiting;
			waiting = 0;
			continue;
		}
		for (i = 0; i < MOST; i++)
			iov[i].iov_len = ROOM;
		if ((got = recvmmsg(s, msgs, MOST, MSG_DONTWAIT, NULL)) < 0)
			err(1, "recvmmsg");
		for (i = 0; i < got; i++) {
			int number = msgs[i].msg_len > 4 ? room[i][4] - '0' : 4;

			if (room[i][0] != '+' || number < 0 || number > 3)
				number = 4;
			sum[number]++;
		}
		waiting = got < waiting ? waiting - got : 0;
	}
	printf("asked=%lu none=%lu old=%lu new=%lu busy=%lu errors=%lu "
	    "lost=%lu seconds=%.3f\n", asked, sum[0], sum[1], sum[2], sum[3],
	    sum[4], lost, now() - begun);
	return 0;
}
