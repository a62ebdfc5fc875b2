/* Order states (contract S4) as they cross between core and ca; names are the ENUM of order.def. */
#pragma once

#define ORDER_STATES(STATE)                                                                        \
    STATE(DRAFT, "Draft")                                                                          \
    STATE(QUEUED, "Queued")                                                                        \
    STATE(CSR_PENDING, "CSR Pending")                                                              \
    STATE(VALIDATION_PENDING, "Validation Pending")                                                \
    STATE(APPROVAL_PENDING, "Approval Pending")                                                    \
    STATE(ISSUED, "Certificate Issued")                                                            \
    STATE(REJECTED, "Rejected")                                                                    \
    STATE(CANCELLED, "Cancelled")                                                                  \
    STATE(FAILED, "Failed")                                                                        \
    STATE(REVOKED, "Revoked")                                                                      \
    STATE(EXPIRED, "Expired")

enum order_state {
#define STATE(NAME, text) ORDER_##NAME,
    ORDER_STATES(STATE)
#undef STATE
        ORDER_STATE_COUNT
};
const char *order_state_name(enum order_state s);
enum order_state order_state_parse(const char *name); /* ORDER_STATE_COUNT if unknown */
