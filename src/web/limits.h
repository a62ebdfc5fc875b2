/* Every limit of the exposed process, in one table. */
#pragma once

#define WEB_CONNECTIONS_MAX 256
#define WEB_CONNECTIONS_OF_ONE 64 /* per address: 200 parallel requests queue, a flood does not */
#define WEB_STREAMS_MAX 64
#define WEB_HEAD_SECONDS 30 /* handshake and first head; each later head from its first byte */
#define WEB_BODY_SECONDS 60
#define WEB_IDLE_SECONDS 30 /* between requests, and without progress while writing */
#define WEB_API_MS 60000
#define WEB_STREAM_BEAT_SECONDS 15
#define WEB_STREAM_BACKLOG_BYTES (256 * 1024)
#define WEB_ASSET_FILES_MAX 500
#define WEB_ASSET_BYTES_MAX (32 * 1024 * 1024)
#define WEB_CHALLENGES_MAX 100
