-- TO_CHAR and TO_NUMBER of numbers with their format models.

-- Numbers -------------------------------------------------------------------------------------------------------

create function oracle.text_number(value text) returns numeric
    language plpgsql stable strict parallel safe as $$
declare
    written text := btrim(value, E' \t\n\r');
begin
    if oracle.decimal_point() <> '.' then
        written := translate(written, oracle.decimal_point() || '.', '.?');
    end if;
    if written !~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$' then
        raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
    end if;
    return oracle.num(trim_scale(written::numeric));
end
$$;

create function oracle.to_number(text) returns numeric
    language sql stable parallel safe
    return case when $1 ~ '^-?\d{1,30}$' then $1::numeric else oracle.text_number($1) end;

create function oracle.to_double(value text) returns float8
    language plpgsql immutable strict parallel safe as $$
declare
    written text := upper(btrim(value));
begin
    if written ~ '^[+-]?(\d+\.?\d*|\.\d+)(E[+-]?\d{1,3})?[DF]?$' then
        return rtrim(written, 'DF')::float8;
    elsif written ~ '^[+-]?(INF|INFINITY)$' then
        return case when written like '-%' then '-Infinity'::float8 else 'Infinity'::float8 end;
    elsif written ~ '^[+-]?NAN$' then
        return 'NaN';
    end if;
    raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
end
$$;

create function oracle.to_boolean(value text) returns boolean
    language plpgsql immutable strict parallel safe as $$
begin
    case lower(btrim(value))
        when 'true', 't', 'yes', 'y', 'on', '1' then return true;
        when 'false', 'f', 'no', 'n', 'off', '0' then return false;
        else raise exception using errcode = 'ORA00', message = 'ORA-61800: invalid boolean literal: ' || value;
    end case;
end
$$;

-- TO_CHAR(number, format).
create function oracle.to_char(value numeric, format text) returns text
    language plpgsql stable strict parallel safe as $$
declare
    model text := upper(format);
    fill boolean := false; -- FM
    sign text := ''; -- S before, S after (Z), MI, PR
    money text := '';
    money_width integer := 0;
    blank boolean := false; -- B
    point text;
    separator text;
    whole_model text;
    part_model text := '';
    whole text;
    part text := '';
    shift integer;
    rounded numeric;
    result text := '';
    width integer;
    used integer := 0;
    zero_from integer;
    one text;
begin
    if model like 'FM%' then
        fill := true;
        model := substr(model, 3);
    end if;
    if model in ('TM', 'TM9') then
        return oracle.num_text(value);
    elsif model = 'TME' then
        return oracle.num_scientific(value);
    elsif model ~ '^0*X+$' then
        return oracle.hex_text(value, format, fill);
    elsif model = 'RN' then
        if round(value) not between 1 and 3999 then
            return repeat('#', 15);
        end if;
        result := to_char(round(value)::integer, case when fill then 'FMRN' else 'RN' end);
        return case when substring(format from '(?i)RN') = 'rn' then lower(result) else result end;
    elsif model ~ 'EEEE$' then
        return oracle.exponent_text(value, left(model, -4), fill);
    end if;
    if model ~ '^S' then
        sign := 'S';
        model := substr(model, 2);
    elsif model ~ 'S$' then
        sign := 'Z';
        model := left(model, -1);
    elsif model ~ '(MI|PR)$' then
        sign := right(model, 2);
        model := left(model, -2);
    end if;
    if model ~ 'B' then
        blank := true;
        model := regexp_replace(model, 'B', '');
    end if;
    if model ~ '\$' then
        money := '$';
        money_width := 1;
        model := regexp_replace(model, '\$', '');
    elsif model ~ '^[LU]' or model ~ '[LU]$' then
        money := '$';
        money_width := 10; -- of the longest currency symbol
        model := btrim(model, 'LU');
    elsif model ~ '^C' then
        money := 'USD';
        money_width := 7;
        model := substr(model, 2);
    end if;
    if model !~ '^[09,G]*([.D][09]*|V[09]+)?$' or model !~ '[09]' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if (model ~ '[.,]' and model ~ '[DG]') or model ~ '^[,G]' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if model ~ 'V' then
        shift := length(split_part(model, 'V', 2));
        value := value * power(10::numeric, shift);
        model := replace(model, 'V', '');
    end if;
    point := case when model ~ 'D' then oracle.decimal_point() else '.' end;
    separator := case when model ~ 'G'
        then coalesce(nullif(substr(current_setting('oracle.nls_numeric_characters', true), 2, 1), ''), ',') else ',' end;
    whole_model := regexp_replace(model, '[.D].*$', '');
    if model ~ '[.D]' then
        part_model := regexp_replace(model, '^.*[.D]', '');
    end if;
    width := length(model) + money_width + case sign when 'PR' then 2 else 1 end;
    rounded := round(abs(value), length(part_model));
    whole := trunc(rounded)::text;
    if length(whole) > length(regexp_replace(whole_model, '[^09]', '', 'g')) and whole <> '0' then
        return repeat('#', width);
    end if;
    if part_model <> '' then
        part := split_part(rounded::text, '.', 2);
        if fill then
            zero_from := length(part_model) - length(regexp_replace(part_model, '^.*0', ''));
            zero_from := case when part_model ~ '0' then zero_from else 0 end;
            while length(part) > zero_from and right(part, 1) = '0' loop
                part := left(part, -1);
            end loop;
        end if;
    end if;
    if whole = '0' and part_model <> '' and not (fill and rounded = 0 and whole_model ~ '9') then
        whole := '';
    end if;
    zero_from := coalesce(nullif(position('0' in whole_model), 0), 2147483647);
    for place in reverse length(whole_model) .. 1 loop
        one := substr(whole_model, place, 1);
        if one in (',', 'G') then
            if used < length(whole) or place > zero_from then
                result := separator || result;
            end if;
        elsif used < length(whole) then
            result := substr(whole, length(whole) - used, 1) || result;
            used := used + 1;
        elsif place >= zero_from then
            result := '0' || result;
        end if;
    end loop;
    if model ~ '[.D]' then
        result := result || point || part;
    end if;
    if blank and trunc(rounded) = 0 and rounded = 0 then
        return case when fill then null else repeat(' ', width) end;
    end if;
    result := money || result;
    case sign
        when '' then
            result := case when value < 0 then '-' else case when fill then '' else ' ' end end || result;
        when 'S' then
            result := case when value < 0 then '-' else '+' end || result;
        when 'Z' then
            result := result || case when value < 0 then '-' else '+' end;
        when 'MI' then
            result := result || case when value < 0 then '-' when fill then '' else ' ' end;
        when 'PR' then
            result := case when value < 0 then '<' || result || '>' when fill then result else ' ' || result || ' ' end;
    end case;
    return case when fill then result else lpad(result, greatest(width, length(result))) end;
end
$$;

-- TO_CHAR(number, 'XXXX').
create function oracle.hex_text(value numeric, format text, fill boolean) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    model text := regexp_replace(format, '^FM', '', 'i');
    rest numeric := round(value);
    digits text := '';
begin
    if rest < 0 then
        return repeat('#', length(model) + 1);
    end if;
    while rest > 0 loop
        digits := to_hex(mod(rest, 16)::integer) || digits;
        rest := div(rest, 16);
    end loop;
    digits := coalesce(nullif(digits, ''), '0');
    if length(digits) > length(model) then
        return repeat('#', length(model) + 1);
    end if;
    if model like '0%' then
        digits := lpad(digits, length(model), '0');
    end if;
    digits := case when model ~ 'x' then digits else upper(digits) end;
    return case when fill then digits else lpad(digits, length(model) + 1) end;
end
$$;

-- TO_CHAR(number, '9.99EEEE').
create function oracle.exponent_text(value numeric, model text, fill boolean) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    sign text := case when value < 0 then '-' when fill then '' else ' ' end;
    places integer := length(regexp_replace(model, '^[^.D]*[.D]?', ''));
    exponent integer := 0;
    mantissa numeric := abs(value);
    result text;
begin
    if model ~ '^S' then
        sign := case when value < 0 then '-' else '+' end;
        model := substr(model, 2);
    end if;
    if model !~ '^[09]+([.D][09]*)?$' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if mantissa <> 0 then
        exponent := floor(log(mantissa))::integer;
        mantissa := round(mantissa * power(10::numeric, - exponent), places);
        if mantissa >= 10 then
            exponent := exponent + 1;
            mantissa := round(mantissa / 10, places);
        end if;
    else
        mantissa := round(mantissa, places);
    end if;
    result := sign || mantissa::text || 'E' || case when exponent < 0 then '-' else '+' end
        || lpad(abs(exponent)::text, greatest(2, length(abs(exponent)::text)), '0');
    return case when fill then result else lpad(result, 1 + 1 + case when places > 0 then places + 1 else 0 end + 5) end;
end
$$;

-- TO_NUMBER(text, format).
create function oracle.to_number(value text, format text) returns numeric
    language plpgsql stable strict parallel safe as $$
declare
    model text := upper(regexp_replace(format, '^FM', '', 'i'));
    written text := btrim(value);
    negative boolean := false;
    whole_model text;
    part_model text;
    result numeric := 0;
begin
    if model ~ '^0*X+$' then
        if written !~ '^[0-9A-Fa-f]+$' or length(written) > length(model) then
            raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
        end if;
        for place in 1 .. length(written) loop
            result := result * 16 + position(lower(substr(written, place, 1)) in '0123456789abcdef') - 1;
        end loop;
        return result;
    elsif model in ('TM', 'TM9', 'TME') or model ~ 'EEEE$' then
        return oracle.text_number(value);
    end if;
    if model ~ 'PR$' and written ~ '^<.*>$' then
        negative := true;
        written := btrim(written, '<>');
    elsif model ~ '(MI|S)$' and written ~ '[+-]$' then
        negative := right(written, 1) = '-';
        written := rtrim(left(written, -1));
    elsif written ~ '^[+-]' and model !~ '(MI|PR)$' then
        negative := left(written, 1) = '-';
        written := ltrim(substr(written, 2));
    end if;
    model := regexp_replace(model, '^S|(MI|PR|S)$', '', 'g');
    if model ~ '[$LCU]' then
        written := regexp_replace(written, '^(\$|USD)|(\$|USD)$', '');
        model := regexp_replace(model, '[$LCU]', '', 'g');
    end if;
    model := regexp_replace(model, 'B', '', 'g');
    if model !~ '^[09,G]*([.D][09]*)?$' or model !~ '[09]' then
        raise exception using errcode = 'ORA00', message = 'ORA-01481: invalid number format model';
    end if;
    if model ~ 'D' then
        written := translate(written, oracle.decimal_point(), '.');
    end if;
    whole_model := regexp_replace(regexp_replace(model, '[.D].*$', ''), '[^09]', '', 'g');
    part_model := case when model ~ '[.D]' then regexp_replace(model, '^.*[.D]', '') else '' end;
    if model ~ '[,G]' then
        written := replace(written, ',', '');
    end if;
    if written !~ '^\d*(\.\d*)?$' or written !~ '\d' or length(split_part(written, '.', 1)) > length(whole_model)
       or length(split_part(written, '.', 2)) > length(part_model) then
        raise exception using errcode = 'ORA00', message = 'ORA-01722: invalid number';
    end if;
    result := trim_scale(('0' || written)::numeric);
    return case when negative then - result else result end;
end
$$;
