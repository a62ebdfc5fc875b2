/* What is known of a certificate's revocation; goes with CA_STATUS_IS. */
#pragma once

enum revocation { REVOCATION_UNKNOWN, REVOCATION_GOOD, REVOCATION_REVOKED, REVOCATION_COUNT };
