/* The version of this build, as the UI, API and console tool say it. */
#pragma once
#define CERTKEEP_VERSION "0.1.0"
