// Conversion factors. The status page imports them too, so nothing here may depend on Node.

export const MS_PER_SECOND = 1000;
export const MS_PER_MINUTE: number = 60 * MS_PER_SECOND;

export const SECONDS_PER_MINUTE = 60;
export const MINUTES_PER_HOUR = 60;
export const SECONDS_PER_HOUR: number = MINUTES_PER_HOUR * SECONDS_PER_MINUTE;
export const SECONDS_PER_DAY: number = 24 * SECONDS_PER_HOUR;
export const MS_PER_HOUR: number = SECONDS_PER_HOUR * MS_PER_SECOND;
export const MS_PER_DAY: number = SECONDS_PER_DAY * MS_PER_SECOND;

export const BYTES_PER_KIB = 1024;
export const BYTES_PER_MIB: number = BYTES_PER_KIB ** 2;
