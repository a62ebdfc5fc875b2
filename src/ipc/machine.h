/* What is asked of the machine: core asks sys, sys asks parent. */
#pragma once

/* A step of certkeep-update (docs/update.md). */
enum update_step {
    UPDATE_STATUS,
    UPDATE_HEAD,
    UPDATE_PIECE,
    UPDATE_COMMIT,
    UPDATE_BLESS,
    UPDATE_STEPS
};

/* The longest a step may take; a commit reads a whole slot. */
#define UPDATE_STEP_MS 600000

/* What only parent can do. The text belongs to the act; "" when it needs none. */
enum machine_act {
    MACHINE_RESTART,   /* stop all, then restart the machine */
    MACHINE_POWER_OFF, /* stop all, then switch the machine off */
    MACHINE_NETWORK,   /* the settings of the network were written: take them up */
    MACHINE_TIME,      /* the settings of the clock were written: take them up */
    MACHINE_HOST_NAME, /* text: the name */
    MACHINE_RESET,     /* back to the state of delivery */
    MACHINE_STAY, /* no restart for want of health: it could not help, or a person is awaited */
    MACHINE_ACTS
};
